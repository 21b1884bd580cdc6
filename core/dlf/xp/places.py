"""Writing by the standard's pure functions, for arrays that cannot be assigned to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from dlf import dtypes

if TYPE_CHECKING:
    from dlf.xp.namespace import Library

__all__ = ["nonzero_places", "set_slices", "write"]

Array = Any


def along(lib: Library, values: Array, dim: int, ndim: int) -> Array:
    """1-D `values` as an array of `ndim` dims that varies along `dim`."""
    return lib.reshape(values, tuple(values.shape[0] if d == dim else 1 for d in range(ndim)))


def nonzero_places(lib: Library, a: Array) -> tuple[Array, ...]:
    """The places along each dim where `a` is not 0; the host waits for their count.

    What is 0 gets a key behind all others, and sorting brings the rest to the front.
    """
    xp, size = lib.xp, math.prod(a.shape)
    zero = xp.logical_not(a) if lib.dtype(a) is dtypes.bool else a == 0
    zero = lib.reshape(zero, (size,))
    count = size - int(xp.sum(lib.astype(zero, dtypes.int64), axis=0))
    everywhere = lib.range(size, a)
    order = lib.argsort(xp.where(zero, everywhere + size, everywhere), 0)
    flat, places = lib.astype(order[:count], dtypes.int64), []
    for n in reversed(a.shape):
        places.append(flat % n)
        flat = flat // n
    return tuple(reversed(places))


def set_slices(lib: Library, a: Array, index: tuple[slice, ...], src: Array) -> Array:
    """`a` with `src` at `index`, slices of positive steps: each place of `a` chooses."""
    xp, ndim = lib.xp, len(a.shape)
    chosen = None
    parts = [part.indices(n) for part, n in zip(index, a.shape, strict=True)]
    sizes = tuple(len(range(*part)) for part in parts)
    if 0 in sizes:
        return a
    values = xp.broadcast_to(src, sizes)
    for d, (start, _, step) in enumerate(parts):
        offset = lib.range(a.shape[d], a) - start
        source = offset // step
        inside = (offset % step == 0) & (source >= 0) & (source < sizes[d])
        values = xp.take(values, xp.where(inside, source, source * 0), axis=d)
        inside = along(lib, inside, d, ndim)
        chosen = inside if chosen is None else chosen & inside
    return values if chosen is None else xp.where(chosen, values, a)


def flat_places(lib: Library, a: Array, index: tuple[Any, ...]) -> tuple[Array, tuple[int, ...]]:
    """Places of `index` in the flattened `a`, and their shape.

    The entries of `index` are whole slices, a 1-D array among them, or else arrays that broadcast
    together, one a dim; what is missing at the end is whole.
    """
    ndim, total, stride = len(a.shape), None, 1
    entries = (*index, *[slice(None)] * (ndim - len(index)))
    for d in reversed(range(ndim)):
        entry = entries[d]
        if isinstance(entry, slice):
            entry = along(lib, lib.range(a.shape[d], a), d, ndim)
        elif len(entry.shape) == 1:
            entry = along(lib, entry, d, ndim)
        total = entry * stride if total is None else total + entry * stride
        stride *= a.shape[d]
    assert total is not None, "a 0-d array has no places"
    return total, tuple(total.shape)


def write(lib: Library, a: Array, index: tuple[Any, ...], src: Array, add: bool) -> Array:
    """`a` with `src` at `index`, or added there.

    The places are sorted, stably, so that equal ones lie together; what falls on one place is added
    pairwise within its group, or its last value taken, and each place of `a` looks for its group.
    """
    xp = lib.xp
    where, shape = flat_places(lib, a, index)
    count, size = math.prod(shape), math.prod(a.shape)
    if not count or not size:
        return a
    where = lib.reshape(where, (count,))
    order = lib.stable_argsort(where, 0)
    where = xp.take(where, order, axis=0)
    values = xp.take(lib.reshape(xp.broadcast_to(src, shape), (count,)), order, axis=0)
    if add:
        values = _running_sums(lib, where, values)
    everywhere = lib.range(size, a)
    last = xp.searchsorted(where, everywhere, side="right") - 1
    last = xp.where(last < 0, last * 0, last)
    found = xp.take(where, last, axis=0) == everywhere
    flat, values = lib.reshape(a, (size,)), xp.take(values, last, axis=0)
    return lib.reshape(xp.where(found, flat + values if add else values, flat), tuple(a.shape))


def _running_sums(lib: Library, where: Array, values: Array) -> Array:
    """Sums of `values` from the beginning of each group of equals in the sorted `where`."""
    xp, concat = lib.xp, lib["concat"]
    count, step = where.shape[0], 1
    while step < count:
        same = where[step:] == where[:-step]
        if not bool(xp.any(same)):
            break
        # The other branch of `where` is computed too, but not chosen: infinities stay apart.
        tail = xp.where(same, values[step:] + values[:-step], values[step:])
        values = concat((values[:step], tail), axis=0)
        step *= 2
    return values
