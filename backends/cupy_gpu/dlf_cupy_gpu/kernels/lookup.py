"""Rows by index and sums at indices: embedding, index_add, scatter_add and their like.

Sums are taken in the order in which threads come, or where `is_deterministic()` in that of the
indices. The two short dtypes are summed in float32 and rounded once.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from dlf_cupy_gpu import launch
from dlf_cupy_gpu.deterministic import is_deterministic
from dlf_cupy_gpu.module import Modules

from .common import Array, Kernel, accumulator, contiguous, kind, or_shared, split, wide

__all__ = ["add_at", "kernels"]

_FILE = "lookup.cu"

# From this length on, rows are given to threads that look their index up once.
_ROW = 32


def add_at(
    modules: Modules,
    out: Array,
    index: Array,
    source: Array,
    sizes: tuple[int, int, int, int],
    own: bool = False,
    skipped: int = -1,
    counts: Array | None = None,
) -> None:
    """Add `source` to `out`, which is of the dtype that `source` is summed in.

    Args:
        modules: where to launch.
        out: (outer, size, inner), changed.
        index: int64, (count), or (outer, count, inner) if `own`.
        source: (outer, count, inner).
        sizes: outer, count, inner and size.
        own: whether every element has an index of its own.
        skipped: an index at which nothing is added.
        counts: int32, (size): what is added at an index is divided by its count.
    """
    outer, count, inner, size = sizes
    if not source.size:
        return
    dtype = kind(source)
    grid, block, _ = launch.items(outer * count * inner)
    if not is_deterministic() and not own and inner >= _ROW:
        plan = launch.copies(outer * count, inner, 1)
        row = (out, index, source, counts, outer, count, inner, size, skipped)
        modules.function(_FILE, "index_add_rows", dtype)(plan.grid, plan.block, row)
        return
    if not is_deterministic():
        given = (out, index, source, counts, outer, count, inner, size, skipped, int(own))
        modules.function(_FILE, "index_add_atomic", dtype)(grid, block, given)
        return
    xp = modules.xp
    if own:
        # Flat places of one long dimension, where one out of range must not be another's.
        within = index.reshape(outer, count, inner)
        place = xp.arange(outer).reshape(-1, 1, 1) * (size * inner) + xp.arange(inner)
        place = xp.where((within < 0) | (within >= size), -1, place + within * inner)
        index, outer, count, inner, size = place.reshape(-1), 1, source.size, 1, out.size
    order = xp.argsort(index, kind="stable")
    arguments = (out, index[order], order, source, counts, outer, count, inner, size, skipped)
    modules.function(_FILE, "index_add_sorted", dtype)(grid, block, arguments)


def _started(input: Array) -> Array:
    """A copy of `input` to add to."""
    return input.astype(accumulator(input.dtype))


def _index_add(modules: Modules, input: Array, index: Array, source: Array, dim: int) -> Array:
    outer, size, inner = split(input.shape, dim)
    out = contiguous(modules, _started(input))
    source, index = contiguous(modules, source), contiguous(modules, index)
    add_at(modules, out, index, source, (outer, index.size, inner, size))
    return out.astype(input.dtype, copy=False)


def _scatter_add(modules: Modules, input: Array, index: Array, source: Array, dim: int) -> Array:
    if not input.ndim:
        one, at, other = (a.reshape(1) for a in (input, index, source))
        return _scatter_add(modules, one, at, other, 0).reshape(())
    out = contiguous(modules, _started(input))
    # Along the other dimensions the index may be smaller: then a corner of the input is added to.
    corner = tuple(
        slice(None) if d == dim % input.ndim else slice(n) for d, n in enumerate(index.shape)
    )
    part = contiguous(modules, out[corner])
    within = contiguous(modules, source[tuple(slice(n) for n in index.shape)])
    outer, count, inner = split(index.shape, dim)
    sizes = (outer, count, inner, input.shape[dim])
    add_at(modules, part, contiguous(modules, index), within, sizes, own=True)
    if part.shape != out.shape:
        out[corner] = part
    else:
        out = part
    return out.astype(input.dtype, copy=False)


def _embedding(
    modules: Modules, weight: Array, indices: Array, padding_idx: int, scale_by_freq: bool
) -> Array:
    weight, indices = contiguous(modules, weight), contiguous(modules, indices)
    out = modules.xp.empty((*indices.shape, *weight.shape[1:]), weight.dtype)
    if not out.size:
        return out
    columns = math.prod(weight.shape[1:])
    width = wide(modules, (weight, out), columns)
    function = modules.function(_FILE, "embedding_wide" if width > 1 else "embedding", kind(weight))
    plan = launch.copies(indices.size, columns, width)
    arguments = (weight, indices, out, indices.size, weight.shape[0], columns)
    function(plan.grid, plan.block, arguments)
    return out


def _embedding_backward(
    modules: Modules,
    grad: Array,
    indices: Array,
    num_rows: int,
    padding_idx: int,
    scale_by_freq: bool,
) -> Array:
    xp, columns = modules.xp, grad.shape[-1]
    grad, indices = contiguous(modules, grad), contiguous(modules, indices)
    out = xp.zeros((num_rows, columns), accumulator(grad.dtype))
    counts: Any = None
    if scale_by_freq and indices.size:
        counts = xp.zeros((num_rows,), np.int32)
        grid, block, _ = launch.items(indices.size)
        count_rows = modules.function(_FILE, "count_rows", kind(grad))
        count_rows(grid, block, (indices, counts, indices.size, num_rows))
    sizes = (1, indices.size, columns, num_rows)
    flat = indices.reshape(-1)
    add_at(modules, out, flat, grad, sizes, skipped=padding_idx, counts=counts)
    return out.astype(grad.dtype, copy=False)


def kernels(modules: Modules) -> dict[str, Kernel]:
    """Kernel by op name."""
    return {
        "index_add": or_shared(modules, "index_add", partial(_index_add, modules)),
        "scatter_add": or_shared(modules, "scatter_add", partial(_scatter_add, modules)),
        "embedding": partial(_embedding, modules),
        "embedding_backward": partial(_embedding_backward, modules),
    }
