"""Kernels that move elements and do not compute: shapes, slices, joins and look-ups."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from dlf import dtypes
from dlf.xp.common import Array, Kernel
from dlf.xp.namespace import library
from dlf.xp.places import nonzero_places

__all__ = ["bounds", "kernels"]

Ints = tuple[int, ...]


def bounds(starts: Ints, steps: Ints, sizes: Ints) -> tuple[list[Any], Ints]:
    """The index of `sizes[d]` elements from `starts[d]` on, `steps[d]` (of either sign) apart.

    Namespaces need not have slices that run backwards, so the index runs forwards; the second
    result holds the dims to be flipped.
    """
    index: list[Any] = []
    backwards: Ints = ()
    for start, step, size in zip(starts, steps, sizes, strict=True):
        if step == 1:
            index.append(slice(start, start + size))
        elif size == 0:
            index.append(slice(0, 0))
        elif step > 0:
            index.append(slice(start, start + step * (size - 1) + 1, step))
        else:
            backwards = (*backwards, len(index))
            index.append(slice(start + step * (size - 1), start + 1, -step))
    return index, backwards


def kernels(xp: Any) -> dict[str, Kernel]:
    """The first four give views where the library has them; `reshape` copies where it must."""
    lib = library(xp)
    xp = lib.xp
    permute_dims, join = lib["permute_dims"], lib["concat"]
    find_places = lib.find("nonzero") or partial(nonzero_places, lib)

    def transpose(a: Array, dims: Ints) -> Array:
        return a.transpose(dims)

    def permute(a: Array, dims: Ints) -> Array:
        return permute_dims(a, dims)

    def slice_(a: Array, starts: Ints, steps: Ints, sizes: Ints) -> Array:
        index, backwards = bounds(starts, steps, sizes)
        index.append(...)  # Without the ellipsis, indexing a 0-d array would give a scalar.
        part = a[tuple(index)]
        return xp.flip(part, axis=backwards) if backwards else part

    def slice_set(a: Array, src: Array, starts: Ints, steps: Ints, sizes: Ints) -> Array:
        if not a.shape:
            return lib.copy(lib.reshape(src, ()))
        index, backwards = bounds(starts, steps, sizes)
        if backwards:
            src = xp.flip(xp.broadcast_to(src, sizes), axis=backwards)
        return lib.set_slices(a, tuple(index), src)

    def pad(a: Array, widths: tuple[tuple[int, int], ...], value: Any) -> Array:
        """Negative widths cut elements off."""
        if not a.shape:
            return lib.copy(a)
        inner = tuple(
            slice(max(-lo, 0), n - max(-hi, 0)) for n, (lo, hi) in zip(a.shape, widths, strict=True)
        )
        a = a[inner]
        grown = [(max(lo, 0), max(hi, 0)) for lo, hi in widths]
        shape = tuple(n + lo + hi for n, (lo, hi) in zip(a.shape, grown, strict=True))
        border = lib.filled(shape, value, a.dtype, **lib.beside(a))
        index = tuple(slice(lo, lo + n) for n, (lo, _) in zip(a.shape, grown, strict=True))
        return lib.set_slices(border, index, a)

    def concat(arrays: tuple[Array, ...], dim: int) -> Array:
        return join(arrays, axis=dim)

    def take(a: Array, index: Array, dim: int) -> Array:
        lib.check(index, a.shape[dim])
        if lib.numpy_like or len(index.shape) == 1:
            return lib.array(xp.take(a, index, axis=dim))
        # The standard's index has one dim.
        shape = tuple(index.shape)
        flat = xp.take(a, lib.reshape(index, (math.prod(shape),)), axis=dim)
        return lib.reshape(flat, (*a.shape[:dim], *shape, *a.shape[dim + 1 :]))

    def nonzero(a: Array) -> Array:
        if not a.shape:  # NumPy and the standard know no places of a 0-d array.
            count = int(bool(a))
            return lib.zeros((count, 0), lib.native[dtypes.int64])
        if 0 in a.shape:
            return lib.filled((0, len(a.shape)), 0, lib.native[dtypes.int64], **lib.beside(a))
        return lib.astype(xp.stack(find_places(a), axis=1), dtypes.int64)

    return {
        "reshape": lib.reshape,
        "permute": transpose if lib.numpy_like else permute,
        "broadcast_to": lib["broadcast_to"],
        "slice": slice_,
        "slice_set": slice_set,
        "pad": pad,
        "concat": concat,
        "take": take,
        "nonzero": nonzero,
    }
