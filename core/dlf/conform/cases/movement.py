"""Kernels that move elements and do not compute: shapes, slices, padding and joins."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from ..case import Case
from ..close import assert_same
from ..subject import LAYOUTS, Array, Subject
from .samples import ALL, FLOATS, INTS, built, case, distinct, extremes, kind, number, verify

__all__ = ["cases"]

Ints = tuple[int, ...]

_RESHAPES: tuple[tuple[Ints, Ints], ...] = (
    ((), ()),
    ((), (1, 1)),
    ((1,), ()),
    ((12,), (3, 4)),
    ((3, 4), (12,)),
    ((3, 4), (3, 4)),
    ((2, 3, 4), (4, 3, 2)),
    ((2, 3, 4), (6, 1, 4)),
    ((0,), (2, 0, 3)),
    ((2, 0, 3), (0, 7)),
    ((2, 3, 4), (2, 1, 3, 2, 1, 2)),
)
_PERMUTES: tuple[tuple[Ints, Ints], ...] = (
    ((), ()),
    ((5,), (0,)),
    ((3, 4), (1, 0)),
    ((3, 4), (0, 1)),
    ((2, 3, 4), (2, 0, 1)),
    ((2, 3, 4), (1, 2, 0)),
    ((2, 3, 4), (2, 1, 0)),
    ((2, 0, 3), (1, 2, 0)),
    ((2, 3, 1, 4), (3, 1, 0, 2)),
    ((2, 1, 3, 2, 1, 2), (5, 2, 0, 4, 1, 3)),
)
_BROADCASTS: tuple[tuple[Ints, Ints], ...] = (
    ((), ()),
    ((), (2, 3)),
    ((3,), (3,)),
    ((3,), (2, 3)),
    ((1,), (4,)),
    ((3, 1), (3, 5)),
    ((1, 5), (3, 5)),
    ((2, 1, 4), (5, 2, 3, 4)),
    ((1,), (0,)),
    ((1, 3), (0, 3)),
    ((0, 1), (2, 0, 4)),
    ((2, 1, 1, 2), (2, 1, 2, 3, 2, 2)),
)
# Shape, starts, steps, sizes.
_SLICES: tuple[tuple[Ints, Ints, Ints, Ints], ...] = (
    ((), (), (), ()),
    ((8,), (0,), (1,), (8,)),
    ((8,), (2,), (1,), (5,)),
    ((8,), (1,), (3,), (3,)),
    ((8,), (0,), (2,), (4,)),
    ((8,), (7,), (-1,), (8,)),
    ((8,), (6,), (-2,), (4,)),
    ((8,), (5,), (-3,), (2,)),
    ((8,), (3,), (1,), (0,)),
    ((8,), (0,), (-1,), (1,)),
    ((8,), (8,), (1,), (0,)),
    ((0,), (0,), (1,), (0,)),
    ((5, 6), (1, 0), (1, 1), (3, 6)),
    ((5, 6), (4, 5), (-1, -1), (5, 6)),
    ((5, 6), (0, 4), (2, -2), (3, 3)),
    ((5, 6), (2, 1), (1, 2), (1, 3)),
    ((5, 6), (2, 3), (1, 1), (0, 2)),
    ((2, 3, 4), (1, 2, 0), (1, -1, 3), (1, 3, 2)),
    ((2, 0, 3), (0, 0, 2), (1, 1, -1), (2, 0, 3)),
    ((2, 1, 3, 2, 2, 3), (0, 0, 2, 1, 0, 1), (1, 1, -2, -1, 1, 1), (2, 1, 2, 2, 1, 2)),
)
_PADS: tuple[tuple[Ints, tuple[tuple[int, int], ...]], ...] = (
    ((), ()),
    ((4,), ((0, 0),)),
    ((4,), ((2, 1),)),
    ((0,), ((1, 2),)),
    ((3, 4), ((0, 0), (1, 2))),
    ((3, 4), ((2, 0), (0, 3))),
    ((2, 3, 4), ((1, 1), (0, 2), (3, 0))),
    ((2, 0, 3), ((0, 1), (0, 0), (1, 1))),
    ((2, 0, 3), ((0, 0), (1, 1), (0, 0))),
)
_CONCATS: tuple[tuple[tuple[Ints, ...], int], ...] = (
    (((3,), (2,)), 0),
    (((3,),), 0),
    (((1,), (0,), (2,)), 0),
    (((0,), (0,)), 0),
    (((2, 3), (4, 3)), 0),
    (((2, 3), (2, 1), (2, 4)), 1),
    (((2, 3, 4), (2, 1, 4)), 1),
    (((2, 3, 4), (2, 3, 1), (2, 3, 2)), 2),
    (((2, 0, 3), (2, 2, 3)), 1),
    (((2, 0, 3), (1, 0, 3)), 0),
    (((2, 1),) * 12, 1),
)


def cases(subject: Subject) -> Iterator[Case]:
    """Every form for every dtype: movement keeps all bits."""
    bodies: dict[str, Callable[..., None]] = {
        "reshape": _reshape,
        "permute": _permute,
        "broadcast_to": _broadcast_to,
        "slice": _slice,
        "slice_set": _slice_set,
        "pad": _pad,
        "concat": _concat,
    }
    for op, body in bodies.items():
        for dtype in ALL:
            yield case(op, dtype, "bits", partial(body, dtype=dtype))
            yield case(op, dtype, "layout", partial(_layout, op=op, dtype=dtype))
        yield case(op, "float32", "large", partial(_large, op=op))


def reshaped(x: Array, shape: Ints) -> Array:
    """The elements in row-major order, one by one."""
    flat = [x[place] for place in np.ndindex(x.shape)]
    places = {place: i for i, place in enumerate(np.ndindex(shape))}
    return built(shape, x.dtype, lambda place: flat[places[place]])


def permuted(x: Array, dims: Ints) -> Array:
    """Dimension i of the result is ``dims[i]`` of `x`."""
    shape = tuple(x.shape[d] for d in dims)
    return built(
        shape, x.dtype, lambda place: x[tuple(place[dims.index(d)] for d in range(x.ndim))]
    )


def broadcast(x: Array, shape: Ints) -> Array:
    """Dimensions of size 1 repeated."""
    lead = len(shape) - x.ndim

    def at(place: Ints) -> Any:
        own = zip(place[lead:], x.shape, strict=True)
        return x[tuple(0 if n == 1 else i for i, n in own)]

    return built(shape, x.dtype, at)


def _source(place: Ints, starts: Ints, steps: Ints) -> Ints:
    return tuple(s + k * t for k, s, t in zip(place, starts, steps, strict=True))


def sliced(x: Array, starts: Ints, steps: Ints, sizes: Ints) -> Array:
    """Element k of dimension d is ``starts[d] + k * steps[d]``."""
    return built(sizes, x.dtype, lambda place: x[_source(place, starts, steps)])


def _reshape(subject: Subject, dtype: str) -> None:
    for shape, new in _RESHAPES:
        x = distinct(subject, dtype, shape)
        verify(subject, "reshape", (x, new), reshaped(x, new), bits=True)


def _permute(subject: Subject, dtype: str) -> None:
    for shape, dims in _PERMUTES:
        x = distinct(subject, dtype, shape)
        verify(subject, "permute", (x, dims), permuted(x, dims), bits=True)


def _broadcast_to(subject: Subject, dtype: str) -> None:
    for shape, new in _BROADCASTS:
        x = distinct(subject, dtype, shape)
        verify(subject, "broadcast_to", (x, new), broadcast(x, new), bits=True)


def _slice(subject: Subject, dtype: str) -> None:
    for shape, *rest in _SLICES:
        x = distinct(subject, dtype, shape)
        verify(subject, "slice", (x, *rest), sliced(x, *rest), bits=True)


def _slice_set(subject: Subject, dtype: str) -> None:
    for shape, starts, steps, sizes in _SLICES:
        x, src = distinct(subject, dtype, shape), distinct(subject, dtype, sizes)
        src = np.asarray(src[(slice(None, None, -1),) * src.ndim])
        expected = x.copy()
        for place in np.ndindex(sizes):
            expected[_source(place, starts, steps)] = src[place]
        args = (x, np.ascontiguousarray(src).reshape(sizes), starts, steps, sizes)
        verify(subject, "slice_set", args, expected, bits=True)


def _fillers(dtype: str) -> list[Any]:
    """What core pads with: the user's number as it is, or one of the dtype's kind."""
    values: list[Any] = [0, number(dtype, 1)]
    if dtype in FLOATS:
        values += [math.nan, -math.inf, 2.5]
    elif dtype in INTS:
        values += [int(v) for v in (extremes(dtype)[0], extremes(dtype)[-1])]
    return values


def _pad(subject: Subject, dtype: str) -> None:
    for shape, widths in _PADS:
        x = distinct(subject, dtype, shape)
        grown = tuple(lo + n + hi for n, (lo, hi) in zip(shape, widths, strict=True))
        for value in _fillers(dtype):
            filler = np.array(value).astype(kind(dtype))
            expected = np.full(grown, filler)
            for place in np.ndindex(shape):
                expected[tuple(lo + i for i, (lo, _) in zip(place, widths, strict=True))] = x[place]
            verify(subject, "pad", (x, widths, value), expected, bits=True)


def joined(arrays: tuple[Array, ...], dim: int) -> Array:
    """The arrays after one another along `dim`."""
    first = arrays[0]
    total = sum(a.shape[dim] for a in arrays)
    out = np.empty((*first.shape[:dim], total, *first.shape[dim + 1 :]), first.dtype)
    start = 0
    for a in arrays:
        for place in np.ndindex(a.shape):
            out[(*place[:dim], start + place[dim], *place[dim + 1 :])] = a[place]
        start += a.shape[dim]
    return out


def _concat(subject: Subject, dtype: str) -> None:
    for shapes, dim in _CONCATS:
        arrays = tuple(distinct(subject, dtype, shape) for shape in shapes)
        verify(subject, "concat", (arrays, dim), joined(arrays, dim), bits=True)
    one = distinct(subject, dtype, (2, 3))
    what = "concat of an array with itself"
    put = subject.put(one)
    assert_same(subject.get(subject.kernel("concat")((put, put), 0)), joined((one, one), 0), what)


def _layout(subject: Subject, op: str, dtype: str) -> None:
    """The same from arrays that do not lie in row-major order where the device has views."""
    x, y = distinct(subject, dtype, (3, 4)), distinct(subject, dtype, (3, 4))[::-1].copy()
    part = ((2, 3), (-2, -1), (2, 4))
    changed = x.copy()
    for place in np.ndindex(2, 4):
        changed[_source(place, part[0], part[1])] = y[place]
    for layout in LAYOUTS:
        a, b = subject.laid(x, layout), subject.laid(y[:2], layout)
        calls: dict[str, tuple[tuple[Any, ...], Array]] = {
            "reshape": ((a, (2, 6)), reshaped(x, (2, 6))),
            "permute": ((a, (1, 0)), permuted(x, (1, 0))),
            "broadcast_to": ((a, (2, 3, 4)), broadcast(x, (2, 3, 4))),
            "slice": ((a, (2, 1), (-2, 2), (2, 2)), sliced(x, (2, 1), (-2, 2), (2, 2))),
            "slice_set": ((a, b, *part), changed),
            "pad": ((a, ((1, 0), (0, 0)), 0), joined((np.zeros_like(x[:1]), x), 0)),
            "concat": (((a, b), 0), joined((x, y[:2]), 0)),
        }
        args, expected = calls[op]
        verify(subject, op, args, expected, bits=True)


def _large(subject: Subject, op: str) -> None:
    """More elements than a careless grid of threads has."""
    x = distinct(subject, "float32", (257, 300))
    part = (256, 1), (-1, 1), (257, 298)
    changed = x.copy()
    changed[::-1, 1:299] = x[:, 2:]
    calls: dict[str, tuple[tuple[Any, ...], Array]] = {
        "reshape": ((x, (300, 257)), np.reshape(x, (300, 257))),
        "permute": ((x, (1, 0)), x.T),
        "broadcast_to": ((x, (2, 257, 300)), np.stack([x, x])),
        "slice": ((x, *part), x[::-1, 1:299]),
        "slice_set": ((x, np.ascontiguousarray(x[:, 2:]), *part), changed),
        "pad": ((x, ((0, 2), (1, 0)), 3), np.pad(x, ((0, 2), (1, 0)), constant_values=3)),
        "concat": (((x, x), 1), np.hstack([x, x])),
    }
    args, expected = calls[op]
    verify(subject, op, args, expected, bits=True)
