"""Softmax, its logarithm, and their gradients."""

from __future__ import annotations

from dlf_cupy_gpu import launch
from dlf_cupy_gpu.module import Modules

from .common import Array, Kernel, contiguous, kind, split, wide

__all__ = ["kernels"]

_FILE = "softmax.cu"


def _along(modules: Modules, name: str, arrays: tuple[Array, ...], dim: int) -> Array:
    """Launch `name` over the rows along `dim` of `arrays`, which have one shape and dtype."""
    arrays = tuple(contiguous(modules, a) for a in arrays)
    first = arrays[0]
    out = modules.xp.empty(first.shape, first.dtype)
    if not first.size:
        return out
    outer, columns, inner = split(first.shape, dim)
    count, itemsize = outer * inner, first.dtype.itemsize
    if inner > 1 or launch.is_short(columns, itemsize):
        function = modules.function(_FILE, f"{name}_strided", kind(first))
        grid, block, _ = launch.items(count, threads=128)
        function(grid, block, (*arrays, out, count, columns, inner))
        return out
    width = wide(modules, (*arrays, out))
    entry = f"{name}_rows_wide" if width > 1 else f"{name}_rows"
    function = modules.function(_FILE, entry, kind(first))
    plan = launch.rows(count, columns, itemsize, width, len(arrays))
    function(plan.grid, plan.block, (*arrays, out, count, columns, int(plan.cached)), plan.shared)
    return out


def kernels(modules: Modules) -> dict[str, Kernel]:
    """Kernel by op name."""

    def forward(name: str) -> Kernel:
        return lambda input, dim: _along(modules, name, (input,), dim)

    def backward(name: str) -> Kernel:
        return lambda grad, output, dim: _along(modules, name, (grad, output), dim)

    return {
        "softmax": forward("softmax"),
        "log_softmax": forward("log_softmax"),
        "softmax_backward": backward("softmax_backward"),
        "log_softmax_backward": backward("log_softmax_backward"),
    }
