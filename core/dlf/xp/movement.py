"""Kernels that move elements and do not compute: shapes, slices, joins and look-ups."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlf.xp.common import Array, Kernel

__all__ = ["bounds", "kernels"]

Ints = tuple[int, ...]


def bounds(starts: Ints, steps: Ints, sizes: Ints) -> tuple[Any, ...]:
    """The index of `sizes[d]` elements from `starts[d]` on, `steps[d]` (of either sign) apart."""
    index: list[Any] = []
    for start, step, size in zip(starts, steps, sizes, strict=True):
        stop: int | None = start + step * size
        if size == 0:
            start, stop = 0, 0
        elif stop is not None and stop < 0:
            stop = None
        index.append(slice(start, stop, step))
    index.append(...)  # Without the ellipsis, indexing a 0-d array would give a scalar.
    return tuple(index)


def kernels(xp: Any) -> dict[str, Kernel]:
    """The first four give views where the library has them; `reshape` copies where it must."""
    broadcast_to = xp.broadcast_to

    def reshape(a: Array, shape: Ints) -> Array:
        return a.reshape(shape)

    def permute(a: Array, dims: Ints) -> Array:
        return a.transpose(dims)

    def slice_(a: Array, starts: Ints, steps: Ints, sizes: Ints) -> Array:
        return a[bounds(starts, steps, sizes)]

    def slice_set(a: Array, src: Array, starts: Ints, steps: Ints, sizes: Ints) -> Array:
        out = a.copy()
        out[bounds(starts, steps, sizes)] = src
        return out

    def pad(a: Array, widths: tuple[tuple[int, int], ...], value: Any) -> Array:
        """Negative widths cut elements off."""
        inner = tuple(
            slice(max(-lo, 0), n - max(-hi, 0)) for n, (lo, hi) in zip(a.shape, widths, strict=True)
        )
        a = a[(*inner, ...)]
        grown = tuple((max(lo, 0), max(hi, 0)) for lo, hi in widths)
        out = xp.full(
            tuple(n + lo + hi for n, (lo, hi) in zip(a.shape, grown, strict=True)), value, a.dtype
        )
        out[tuple(slice(lo, lo + n) for n, (lo, _) in zip(a.shape, grown, strict=True))] = a
        return out

    def concat(arrays: tuple[Array, ...], dim: int) -> Array:
        return xp.concatenate(arrays, axis=dim)

    def take(a: Array, index: Array, dim: int) -> Array:
        return xp.asarray(xp.take(a, index, axis=dim))

    def nonzero(a: Array) -> Array:
        return xp.argwhere(a).astype(np.int64)

    return {
        "reshape": reshape,
        "permute": permute,
        "broadcast_to": broadcast_to,
        "slice": slice_,
        "slice_set": slice_set,
        "pad": pad,
        "concat": concat,
        "take": take,
        "nonzero": nonzero,
    }
