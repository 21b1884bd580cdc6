"""Kernels that read or write at places given by an integer array."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from ..case import Case
from ..subject import LAYOUTS, Array, Subject
from .samples import (
    ALL,
    FLOATS,
    INTS,
    LOW,
    NUMBERS,
    built,
    case,
    distinct,
    draw,
    kind,
    specials,
    verify,
    wide,
    wrapped,
)

__all__ = ["cases"]

Ints = tuple[int, ...]

# Shape, index shape, dim.
_TAKES: tuple[tuple[Ints, Ints, int], ...] = (
    ((5,), (3,), 0),
    ((5,), (), 0),
    ((5,), (0,), 0),
    ((5,), (2, 0, 3), 0),
    ((5,), (2, 3), 0),
    ((4, 3), (6,), 0),
    ((4, 3), (6,), 1),
    ((4, 3), (), 1),
    ((2, 4, 3), (2, 2), 1),
    ((2, 4, 3), (5,), 2),
    ((0, 3), (2,), 1),
    ((2, 0, 3), (4,), 0),
    ((1, 1), (9,), 0),
    ((40, 3), (50,), 0),
)
# Shape, how many places, dim.
_ROWS: tuple[tuple[Ints, int, int], ...] = (
    ((5,), 3, 0),
    ((5,), 0, 0),
    ((4, 3), 4, 0),
    ((4, 3), 2, 1),
    ((2, 4, 3), 3, 1),
    ((2, 4, 3), 3, 2),
    ((2, 0, 3), 3, 2),
    ((7, 1), 1, 0),
)
# Shape, index shape, dim; the index may be smaller than the array in the other dims.
_GATHERS: tuple[tuple[Ints, Ints, int], ...] = (
    ((), (), 0),
    ((5,), (3,), 0),
    ((5,), (9,), 0),
    ((5,), (0,), 0),
    ((3, 4), (3, 2), 1),
    ((3, 4), (6, 4), 0),
    ((3, 4), (2, 7), 1),
    ((3, 4), (1, 1), 0),
    ((3, 4), (0, 4), 0),
    ((2, 3, 4), (2, 3, 4), 1),
    ((2, 3, 4), (1, 5, 2), 1),
    ((2, 3, 4), (2, 2, 9), 2),
    ((2, 3, 4), (3, 3, 4), 0),
)


def cases(subject: Subject) -> Iterator[Case]:
    """Places in every form for every dtype."""
    bodies: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {
        "take": (_take, ALL),
        "index_copy": (_index_copy, ALL),
        "index_add": (_index_add, NUMBERS),
        "gather": (_gather, ALL),
        "scatter": (_scatter, ALL),
        "scatter_add": (_scatter_add, NUMBERS),
        "nonzero": (_nonzero, ALL),
    }
    for op, (body, dtypes) in bodies.items():
        for dtype in dtypes:
            yield case(op, dtype, "places", partial(body, dtype=dtype))
            yield case(op, dtype, "layout", partial(_layout, op=op, dtype=dtype))
            if dtype in LOW and op in ("index_add", "scatter_add"):
                run = partial(_accumulation, op=op, dtype=dtype)
                yield case(op, dtype, "accumulation", run)


def _index(subject: Subject, shape: Ints, size: int) -> Array:
    """Places below `size`, the last among them."""
    subject.need("int64")
    places = np.asarray(subject.rng.integers(0, max(size, 1), shape), np.int64)
    if places.size:
        places.reshape(-1)[-1] = size - 1
    return places


def taken(a: Array, index: Array, dim: int) -> Array:
    """``a[..., index[...], ...]``, element by element."""
    n = index.ndim

    def at(place: Ints) -> Any:
        row = int(index[place[dim : dim + n]])
        return a[(*place[:dim], row, *place[dim + n :])]

    return built((*a.shape[:dim], *index.shape, *a.shape[dim + 1 :]), a.dtype, at)


def _take(subject: Subject, dtype: str) -> None:
    for shape, places, dim in _TAKES:
        a, index = distinct(subject, dtype, shape), _index(subject, places, shape[dim])
        verify(subject, "take", (a, index, dim), taken(a, index, dim), bits=True)


def _replaced(place: Ints, dim: int, at: Any) -> Ints:
    return (*place[:dim], int(at), *place[dim + 1 :])


def copied(a: Array, index: Array, src: Array, dim: int) -> Array:
    """`a` with `src` at `index` along `dim`; 1-D places."""
    out = a.copy()
    for place in np.ndindex(src.shape):
        out[_replaced(place, dim, index[place[dim]])] = src[place]
    return out


def _index_copy(subject: Subject, dtype: str) -> None:
    subject.need("int64")
    for shape, count, dim in _ROWS:
        a = distinct(subject, dtype, shape)
        index = subject.rng.permutation(shape[dim])[:count].astype(np.int64)
        src = distinct(subject, dtype, _replaced(shape, dim, len(index)))[::-1].copy()
        expected = copied(a, index, src, dim)
        verify(subject, "index_copy", (a, index, src, dim), expected, bits=True)


def _verify_sums(
    subject: Subject, op: str, args: tuple[object, ...], expected: Array, dtype: str
) -> None:
    if dtype in INTS:
        verify(subject, op, args, wrapped(expected, dtype))
    else:
        verify(subject, op, args, expected, dtype, floor=1e-2)


def _summands(subject: Subject, dtype: str, shape: Ints) -> Array:
    """Quarters in floats, whose sums are exact in 16 bits; integers that wrap."""
    if dtype in INTS:
        limits = np.iinfo(dtype)
        return subject.rng.integers(limits.min, limits.max, shape, dtype, True)
    whole = draw(subject, "int32", shape, -16, 16).astype(np.float64) / 4
    return np.asarray(whole).astype(kind(dtype))


def _index_add(subject: Subject, dtype: str) -> None:
    for shape, count, dim in (*_ROWS, ((3, 2), 9, 0), ((2, 3), 7, 1), ((3,), 30, 0)):
        index = _index(subject, (count,), shape[dim])
        a = _summands(subject, dtype, shape)
        src = _summands(subject, dtype, _replaced(shape, dim, count))
        expected = wide(a)
        for place in np.ndindex(src.shape):
            expected[_replaced(place, dim, index[place[dim]])] += wide(src)[place]
        _verify_sums(subject, "index_add", (a, index, src, dim), expected, dtype)
    a, index = _summands(subject, dtype, (4, 2)), np.zeros(6, np.int64)
    src = _summands(subject, dtype, (6, 2))
    expected = wide(a)
    expected[0] += wide(src).sum(0)
    _verify_sums(subject, "index_add", (a, index, src, 0), expected, dtype)


def _accumulation(subject: Subject, op: str, dtype: str) -> None:
    """4096 ones in one place, where a running total of 16 bits would stop at 2048 or 256."""
    subject.need("int64")
    a, src = np.zeros((2, 2), kind(dtype)), np.ones((4096, 2), kind(dtype))
    shape = (4096,) if op == "index_add" else (4096, 2)
    expected = np.array([[0, 0], [4096, 4096]], np.float64)
    verify(subject, op, (a, np.ones(shape, np.int64), src, 0), expected, dtype)
    if dtype == "float16":  # Infinite, but only where it overflows.
        a = np.array([60000, 60000], kind(dtype))
        expected = np.array([60000, np.inf])
        verify(subject, op, (a, np.ones(1, np.int64), a[:1], 0), expected, dtype)


def gathered(a: Array, index: Array, dim: int) -> Array:
    """``a[i][index[i][j]]`` and so on, element by element."""
    if not a.ndim:
        return a.copy()
    return built(index.shape, a.dtype, lambda place: a[_replaced(place, dim, index[place])])


def _gather(subject: Subject, dtype: str) -> None:
    for shape, places, dim in _GATHERS:
        a = distinct(subject, dtype, shape)
        index = _index(subject, places, shape[dim] if shape else 1)
        verify(subject, "gather", (a, index, dim), gathered(a, index, dim), bits=True)


def _distinct_index(subject: Subject, shape: Ints, size: int, dim: int) -> Array:
    """Places below `size`, different along `dim`."""
    subject.need("int64")
    lines = np.moveaxis(np.empty(shape, np.int64), dim, -1) if shape else np.zeros((1, 1), np.int64)
    count = lines.shape[-1]
    for place in np.ndindex(lines.shape[:-1]):
        lines[place] = subject.rng.permutation(size)[:count]
    return np.ascontiguousarray(np.moveaxis(lines, -1, dim)) if shape else lines.reshape(())


def _scatter(subject: Subject, dtype: str) -> None:
    for shape, places, dim in _GATHERS:
        size = shape[dim] if shape else 1
        if (places and places[dim] > size) or any(
            d != dim and n > m for d, (n, m) in enumerate(zip(places, shape, strict=True))
        ):
            continue  # More places than there are: some would be written twice.
        a, index = distinct(subject, dtype, shape), _distinct_index(subject, places, size, dim)
        larger = tuple(n + 1 for n in places)  # What lies beyond the index's shape is not read.
        for extent in (places, larger):
            src = distinct(subject, dtype, extent)[::-1].copy() if extent else a.copy()
            expected = a.copy()
            for place in np.ndindex(index.shape):
                expected[_replaced(place, dim, index[place]) if shape else ()] = src[place]
            verify(subject, "scatter", (a, index, src, dim), expected, bits=True)


def _scatter_add(subject: Subject, dtype: str) -> None:
    for shape, places, dim in _GATHERS:
        if any(d != dim and n > m for d, (n, m) in enumerate(zip(places, shape, strict=True))):
            continue
        index = _index(subject, places, shape[dim] if shape else 1)
        a = _summands(subject, dtype, shape)
        for extent in (places, tuple(n + 1 for n in places)):
            src = _summands(subject, dtype, extent)
            expected = wide(a)
            for place in np.ndindex(index.shape):
                at = _replaced(place, dim, index[place]) if shape else ()
                expected[at] += wide(src)[place]
            _verify_sums(subject, "scatter_add", (a, index, src, dim), np.asarray(expected), dtype)


def _nonzero(subject: Subject, dtype: str) -> None:
    subject.need("int64")
    shapes: tuple[Ints, ...] = ((), (0,), (2, 0, 3), (1,), (9,), (3, 5), (2, 3, 4))
    inputs = [draw(subject, dtype, shape, -1, 1) for shape in shapes]
    inputs += [np.zeros_like(x) for x in inputs] + [np.ones_like(x) for x in inputs]
    if dtype in FLOATS:
        inputs.append(specials(dtype))
    for x in inputs:
        places = [place for place in np.ndindex(x.shape) if x[place] != 0]
        expected = np.array(places, np.int64).reshape(len(places), x.ndim)
        verify(subject, "nonzero", (x,), expected)


def _layout(subject: Subject, op: str, dtype: str) -> None:
    """The same from arrays that do not lie in row-major order where the device has views."""
    a, src = _summands_or_bits(subject, op, dtype), _summands_or_bits(subject, op, dtype)
    index = _distinct_index(subject, (3, 4), 3, 0)
    line = np.array([2, 0, 1], np.int64)
    for layout in LAYOUTS:
        x, y = subject.laid(a, layout), subject.laid(src, layout)
        places, row = subject.laid(index, layout), subject.laid(line, layout)
        if op == "take":
            verify(subject, op, (x, row, 0), taken(a, line, 0), bits=True)
        elif op == "gather":
            verify(subject, op, (x, places, 0), gathered(a, index, 0), bits=True)
        elif op == "nonzero":
            found = [place for place in np.ndindex(a.shape) if a[place] != 0]
            verify(subject, op, (x,), np.array(found, np.int64).reshape(-1, 2))
        elif op == "index_copy":
            verify(subject, op, (x, row, y, 0), copied(a, line, src, 0), bits=True)
        elif op == "index_add":
            expected = wide(a) + copied(wide(a), line, wide(src), 0)
            _verify_sums(subject, op, (x, row, y, 0), expected, dtype)
        else:
            moved = np.empty_like(a)
            for place in np.ndindex(a.shape):
                moved[_replaced(place, 0, index[place])] = src[place]
            if op == "scatter":
                verify(subject, op, (x, places, y, 0), moved, bits=True)
            else:
                expected = wide(a) + wide(moved)
                _verify_sums(subject, op, (x, places, y, 0), expected, dtype)


def _summands_or_bits(subject: Subject, op: str, dtype: str) -> Array:
    if op.endswith("_add"):
        return _summands(subject, dtype, (3, 4))
    return distinct(subject, dtype, (3, 4))
