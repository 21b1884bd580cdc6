"""Layer and root-mean-square normalization, and their gradients."""

from __future__ import annotations

import math
from functools import partial

from dlf_cupy_gpu import launch
from dlf_cupy_gpu.module import Modules

from .common import Array, Kernel, accumulator, contiguous, kind, wide

__all__ = ["kernels"]

_FILE = "norm_rows.cu"


def _shape(x: Array, normalized_ndim: int) -> tuple[int, int, tuple[int, ...]]:
    """Rows, their length, and the shape of the statistics."""
    split = x.ndim - normalized_ndim
    count, length = math.prod(x.shape[:split]), math.prod(x.shape[split:])
    return count, length, (*x.shape[:split], *[1] * normalized_ndim)


def _forward(
    modules: Modules,
    name: str,
    x: Array,
    weight: Array | None,
    bias: Array | None,
    normalized_ndim: int,
    eps: float,
) -> tuple[Array, Array, Array]:
    x = contiguous(modules, x)
    weight, bias = (None if a is None else contiguous(modules, a) for a in (weight, bias))
    count, length, statistics = _shape(x, normalized_ndim)
    y = modules.xp.empty(x.shape, x.dtype)
    if not x.size:
        # The mean of no elements.
        mean = modules.xp.full(statistics, math.nan, x.dtype)
        return y, mean, mean.copy()
    mean, rstd = (modules.xp.empty(statistics, x.dtype) for _ in range(2))
    width = wide(modules, (x, weight, bias, y), length)
    function = modules.function(_FILE, f"{name}_wide" if width > 1 else name, kind(x))
    plan = launch.rows(count, length, x.dtype.itemsize, width)
    arguments = (x, weight, bias, y, mean, rstd, count, length, float(eps), int(plan.cached))
    function(plan.grid, plan.block, arguments, plan.shared)
    return y, mean, rstd


def _backward(
    modules: Modules,
    name: str,
    grad: Array,
    x: Array,
    mean: Array | None,
    rstd: Array,
    weight: Array | None,
    normalized_ndim: int,
) -> tuple[Array, Array, Array]:
    grad, x, rstd = (contiguous(modules, a) for a in (grad, x, rstd))
    mean, weight = (None if a is None else contiguous(modules, a) for a in (mean, weight))
    xp, sums_in = modules.xp, accumulator(x.dtype)
    count, length, _ = _shape(x, normalized_ndim)
    over = x.shape[x.ndim - normalized_ndim :]
    dx = xp.empty(x.shape, x.dtype)
    if not x.size:
        return dx, xp.zeros(over, x.dtype), xp.zeros(over, x.dtype)
    by_weight, by_bias = (xp.empty(over, x.dtype) for _ in range(2))
    width = wide(modules, (grad, x, weight, dx), length)
    plan = launch.rows_with_sums(count, length, width, sums_in.itemsize, modules.processors())
    parts = plan.grid[0]
    sums = xp.empty((parts, 2, length), sums_in) if plan.summed else None
    entry = f"{name}{'_wide' if width > 1 else ''}_backward"
    function = modules.function(_FILE, entry, kind(x))
    arguments = (grad, x, mean, rstd, weight, dx, sums, count, length)
    function(plan.grid, plan.block, arguments, plan.shared)
    if sums is None:
        spread, parts = launch.columns(length, count, modules.processors())
        sums = xp.empty((parts, 2, length), sums_in)
        function = modules.function(_FILE, "columns_partial", kind(x))
        function(spread.grid, spread.block, (grad, x, mean, rstd, sums, count, length, parts))
    function = modules.function(_FILE, "columns_finish", kind(x))
    grid = (launch.ceil_div(2 * length, 32),)
    function(grid, (32, 16), (sums, by_weight, by_bias, parts, length))
    return dx, by_weight, by_bias


def kernels(modules: Modules) -> dict[str, Kernel]:
    """Kernel by op name."""
    rms, rms_backward = (partial(f, modules, "rms_norm") for f in (_forward, _backward))

    def rms_norm(
        input: Array, weight: Array | None, normalized_ndim: int, eps: float
    ) -> tuple[Array, Array]:
        y, _, rstd = rms(input, weight, None, normalized_ndim, eps)
        return y, rstd

    def rms_norm_backward(
        grad: Array, input: Array, rstd: Array, weight: Array | None, normalized_ndim: int
    ) -> tuple[Array, Array]:
        return rms_backward(grad, input, None, rstd, weight, normalized_ndim)[:2]

    return {
        "layer_norm": partial(_forward, modules, "layer_norm"),
        "layer_norm_backward": partial(_backward, modules, "layer_norm"),
        "rms_norm": rms_norm,
        "rms_norm_backward": rms_norm_backward,
    }
