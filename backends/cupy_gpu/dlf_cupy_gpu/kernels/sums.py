"""`sum` over some dimensions, such as of a gradient by a bias, with work for every multiprocessor.

CuPy's reductions give 32 neighbouring outputs to one block: a matrix of 256 columns is summed up by
8 of them. Sums of everything, of other dtypes and of strided arrays are left to CuPy.
"""

from __future__ import annotations

import functools
from typing import Any

from dlf import dtypes
from dlf_cupy_gpu import launch
from dlf_cupy_gpu.module import FLOATING, Modules

from .common import Array, Kernel, accumulator, kind, wide
from .sums_launch import Pattern, by_columns, by_rows, pattern

__all__ = ["kernels"]

_FILE = "sums.cu"

Ints = tuple[int, ...]


_OWN = frozenset(dtypes.ALL[name].numpy for name in FLOATING)


@functools.lru_cache(maxsize=4096)
def _known(shape: Ints, dims: Ints, keepdim: bool) -> tuple[Pattern, Ints] | None:
    """How `shape` is summed over `dims`, and the result's shape; None: by CuPy."""
    over = {d % len(shape) for d in dims}
    found = None if 0 in shape else pattern(shape, over)
    if found is None:
        return None
    sizes = [1 if d in over else n for d, n in enumerate(shape) if keepdim or d not in over]
    return found, tuple(sizes)


def _summed(modules: Modules, a: Array, found: Pattern, shape: tuple[int, ...]) -> Array:
    xp, dtype = modules.xp, kind(a)
    y = xp.empty(shape, a.dtype)
    batch, outer, outputs, inner = found
    sizes: tuple[int, ...]
    if inner > 1:
        name, plan = "sum_rows", by_rows(found, a.dtype.itemsize, modules.processors())
        sizes = (outer, outputs, inner)
    else:
        width = wide(modules, (a,), outputs)
        name = "sum_columns_wide" if width > 1 else "sum_columns"
        plan = by_columns(found, width, modules.processors())
        sizes = (batch, outer, outputs)
    grid, block, splits = plan
    partial = xp.empty((splits, y.size), accumulator(a.dtype)) if splits > 1 else None
    target = (y, None) if partial is None else (None, partial)
    modules.function(_FILE, name, dtype)(grid, block, (a, *target, *sizes, splits))
    if partial is not None:
        finish = modules.function(_FILE, "sum_finish", dtype)
        finish((launch.ceil_div(y.size, 32),), (32, 16), (partial, y, splits, y.size))
    return y


def kernels(modules: Modules) -> dict[str, Kernel]:
    """Kernel by op name."""

    def sum(input: Array, dims: tuple[int, ...], keepdim: bool) -> Array:
        if input.dtype in _OWN and input.flags.c_contiguous:
            found = _known(input.shape, tuple(dims), keepdim)
            if found is not None:
                return _summed(modules, input, *found)
        result: Any = modules.primitives["sum"](input, dims, keepdim)
        return result

    return {"sum": sum}
