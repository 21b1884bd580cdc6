"""Maximum pooling, sums over windows (which average pooling divides), and their gradients."""

from __future__ import annotations

import math
from functools import partial
from itertools import chain

import numpy as np

from dlf_cupy_gpu import launch
from dlf_cupy_gpu.module import Modules

from .common import Array, Kernel, accumulator, contiguous, kind
from .lookup import add_at

__all__ = ["kernels"]

_FILE = "pool.cu"
Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


def _out(size: Ints, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Ints:
    return tuple(
        (n + lo + hi - d * (k - 1) - 1) // s + 1
        for n, k, s, (lo, hi), d in zip(size, kernel, stride, padding, dilation, strict=True)
    )


def _windows(size: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Pairs) -> Ints:
    """The kernels' parameters: five numbers for each of three dimensions, absent ones of size 1.

    ValueError for planes of 2**31 elements or more, whose places the kernels have no room for.
    """
    if max(math.prod(size), math.prod(out)) >= 1 << 31:
        raise ValueError(f"pooling planes of {size} elements to {out}: 2**31 - 1 are the most")
    given = zip(size, out, kernel, stride, (lo for lo, _ in padding), strict=True)
    absent = [(1, 1, 1, 1, 0)] * (3 - len(size))
    return tuple(chain(*absent, *given))


def _max_pool(
    modules: Modules, x: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> tuple[Array, Array]:
    x, size = contiguous(modules, x), x.shape[2:]
    pairs = tuple((p, p) for p in padding)
    out = _out(size, kernel, stride, pairs, dilation)
    shape = (*x.shape[:2], *out)
    y, places = modules.xp.empty(shape, x.dtype), modules.xp.empty(shape, np.int64)
    if y.size:
        numbers = (math.prod(x.shape[:2]), *_windows(size, out, kernel, stride, pairs))
        spread = (*[1] * (3 - len(size)), *dilation)
        grid, block, _ = launch.items(y.size)
        function = modules.function(_FILE, "max_pool", kind(x))
        function(grid, block, (x, y, places, *numbers, *spread))
    return y, places


def _max_pool_backward(modules: Modules, grad: Array, indices: Array, x_shape: Ints) -> Array:
    grad, indices = contiguous(modules, grad), contiguous(modules, indices)
    out = modules.xp.zeros(x_shape, accumulator(grad.dtype))
    planes = math.prod(x_shape[:2])
    sizes = (planes, grad.size // max(planes, 1), 1, math.prod(x_shape[2:]))
    add_at(modules, out, indices, grad, sizes, own=True)
    return out.astype(grad.dtype, copy=False)


def _window_sum(modules: Modules, x: Array, kernel: Ints, stride: Ints, padding: Pairs) -> Array:
    x, size, planes = contiguous(modules, x), x.shape[2:], math.prod(x.shape[:2])
    out = _out(size, kernel, stride, padding, (1,) * len(kernel))
    y = modules.xp.empty((*x.shape[:2], *out), x.dtype)
    if not y.size:
        return y
    if tuple(kernel) == size and not any(chain(*padding)):
        function = modules.function(_FILE, "plane_sum", kind(x))
        blocks = min(launch.ceil_div(planes, 8), launch.GRID)
        function((blocks,), (32, 8), (x, y, planes, x.size // planes))
        return y
    grid, block, _ = launch.items(y.size)
    function = modules.function(_FILE, "window_sum", kind(x))
    function(grid, block, (x, y, planes, *_windows(size, out, kernel, stride, padding)))
    return y


def _window_spread(
    modules: Modules, grad: Array, size: Ints, kernel: Ints, stride: Ints, padding: Pairs
) -> Array:
    grad, planes = contiguous(modules, grad), math.prod(grad.shape[:2])
    dx = modules.xp.empty((*grad.shape[:2], *size), grad.dtype)
    if dx.size:
        numbers = _windows(tuple(size), grad.shape[2:], kernel, stride, padding)
        grid, block, _ = launch.items(dx.size)
        function = modules.function(_FILE, "window_spread", kind(grad))
        function(grid, block, (grad, dx, planes, *numbers))
    return dx


def kernels(modules: Modules) -> dict[str, Kernel]:
    """Kernel by op name."""
    table: dict[str, Kernel] = {
        "max_pool2d": _max_pool,
        "max_pool3d": _max_pool,
        "max_pool2d_backward": _max_pool_backward,
        "max_pool3d_backward": _max_pool_backward,
        "window_sum": _window_sum,
        "window_spread": _window_spread,
    }
    return {name: partial(kernel, modules) for name, kernel in table.items()}
