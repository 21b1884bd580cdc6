"""Reductions over dims, and the places of extremes."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from functools import partial, reduce
from typing import Any

import numpy as np

from ..case import Case
from ..subject import LAYOUTS, Array, Placed, Subject
from .samples import (
    COMPLEX,
    FLOATS,
    INTS,
    LOW,
    NUMBERS,
    case,
    draw,
    extremes,
    kind,
    specials,
    verify,
    wide,
    wrapped,
)

__all__ = ["cases"]

Dims = tuple[int, ...]

# Every way to pick dims that core knows: sorted, and () for 0-d arrays alone.
_FORMS: tuple[tuple[tuple[int, ...], tuple[Dims, ...]], ...] = (
    ((), ((),)),
    ((1,), ((0,),)),
    ((7,), ((0,),)),
    ((3, 5), ((0,), (1,), (0, 1))),
    ((2, 3, 4), ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2))),
    ((2, 1, 3, 2), ((1,), (1, 3), (0, 2))),
    ((2, 1, 3, 1, 2, 2), ((1,), (0, 2), (1, 3, 5), (0, 2, 4, 5), (5,))),
    ((5, 131), ((0,), (1,), (0, 1))),
    ((131, 5), ((0,), (1,))),
    ((3, 40, 50), ((0,), (1,), (2,), (0, 2), (1, 2), (0, 1), (0, 1, 2))),
)
_EMPTY: tuple[tuple[tuple[int, ...], tuple[Dims, ...]], ...] = (
    ((0,), ((0,),)),
    ((2, 0, 3), ((1,), (0, 1), (0, 1, 2))),
)
_LEFT: tuple[tuple[tuple[int, ...], tuple[Dims, ...]], ...] = (
    ((0, 3), ((1,),)),
    ((2, 0, 3), ((0,), (2,), (0, 2))),
)
_FOLDS: dict[str, Callable[[Any, Any], Any]] = {
    "sum": operator.add,
    "prod": operator.mul,
    "max": max,
    "min": min,
}
_START = {"sum": 0, "prod": 1}
_DTYPES = {
    "sum": NUMBERS,
    "prod": NUMBERS,
    "max": ("bool", *INTS, *FLOATS),
    "min": ("bool", *INTS, *FLOATS),
}


def cases(subject: Subject) -> Iterator[Case]:
    """Values in many forms, special values, layouts; and how exactly sums are made."""
    for op, dtypes in _DTYPES.items():
        for dtype in dtypes:
            for theme, body in (("dims", _dims), ("special", _special), ("layout", _layout)):
                yield case(op, dtype, theme, partial(body, op=op, dtype=dtype))
    for dtype in LOW:
        yield case("sum", dtype, "accumulation", partial(_low_sum, dtype=dtype))
        yield case("prod", dtype, "accumulation", partial(_low_prod, dtype=dtype))
    for dtype in ("float32", "float64", *COMPLEX):
        yield case("sum", dtype, "accumulation", partial(_long_sum, dtype=dtype))
    for op in ("argmax", "argmin"):
        for dtype in (*INTS, *FLOATS):
            for theme, body in (("dims", _places), ("ties", _ties), ("special", _place_special)):
                yield case(op, dtype, theme, partial(body, op=op, dtype=dtype))


def _groups(x: Array, dims: Dims, keepdim: bool) -> tuple[Array, tuple[int, ...]]:
    """The elements to be reduced together as rows of a matrix, and the result's shape."""
    kept = [d for d in range(x.ndim) if d not in dims]
    rows = math.prod(x.shape[d] for d in kept)
    columns = math.prod(x.shape[d] for d in dims)
    shape = [1 if d in dims else n for d, n in enumerate(x.shape) if keepdim or d not in dims]
    return x.transpose(*kept, *dims).reshape(rows, columns), tuple(shape)


def _folded(op: str, row: list[Any]) -> Any:
    """One result, with Python's numbers: integers without bounds, sums without rounding."""
    if any(value != value for value in row) and op in ("max", "min"):
        return math.nan
    if op == "sum" and row and isinstance(row[0], float):
        return math.fsum(row) if all(map(math.isfinite, row)) else sum(row)
    fold = _FOLDS[op]
    return reduce(fold, row, _START[op]) if op in _START else reduce(fold, row)


def _check(subject: Subject, op: str, x: Array, dims: Dims, arg: Placed | None = None) -> None:
    dtype = x.dtype.name
    for keepdim in (True, False):
        rows, shape = _groups(wide(x), dims, keepdim)
        flat = [_folded(op, row.tolist()) for row in rows]
        args = (x if arg is None else arg, dims, keepdim)
        if dtype in INTS:
            verify(subject, op, args, wrapped(flat, dtype).reshape(shape))
            continue
        target = np.complex128 if dtype in COMPLEX else np.float64
        expected = np.array(flat, target).reshape(shape)
        if op in ("max", "min"):
            verify(subject, op, args, expected.astype(kind(dtype)))
            continue
        with np.errstate(all="ignore"):
            size = np.abs(rows.astype(target)).sum(1).reshape(shape)
        size = np.where(np.isfinite(size), size, 1.0)
        floor = size * 0.1 if op == "sum" else 1e-3
        verify(subject, op, args, expected, dtype, floor=floor)


def _values(subject: Subject, op: str, dtype: str, shape: tuple[int, ...]) -> Array:
    if op == "prod" and dtype not in INTS:
        # Products near 1, of either sign.
        x = wide(draw(subject, dtype, shape, 0.75, 1.3))
        x = x / np.abs(x) if dtype in COMPLEX else x
        return np.asarray(x * subject.rng.choice([-1, 1], shape)).astype(kind(dtype))
    if op == "sum" and dtype in LOW:
        # Sums do not cancel, so that one rounding is all that may be seen.
        return draw(subject, dtype, shape, 0.25, 4)
    return draw(subject, dtype, shape)


def _dims(subject: Subject, op: str, dtype: str) -> None:
    forms = (*_FORMS, *_LEFT, *(_EMPTY if op in _START else ()))
    for shape, every in forms:
        for dims in every:
            if op == "prod" and math.prod(shape) > 3000:
                continue  # These run over the dtype's range.
            _check(subject, op, _values(subject, op, dtype, shape), dims)


def _special(subject: Subject, op: str, dtype: str) -> None:
    if dtype == "bool":
        for row in ([False, False], [True, False], [False, True], [True, True]):
            _check(subject, op, np.array(row), (0,))
        return
    if dtype in INTS:
        ends = extremes(dtype)
        _check(subject, op, ends, (0,))
        _check(subject, op, np.asarray(ends[ends != 0]), (0,))
        _check(subject, op, np.stack([ends, ends[::-1], ends]), (0,))
        for value in ends:
            _check(subject, op, np.full((3, 2), value), (1,))
        return
    if dtype in COMPLEX:
        _check(subject, op, np.array([[1j, 2, 0], [1 - 1j, 1j, -3]], kind(dtype)), (1,))
        return
    points = specials(dtype)[:-2]
    nan, inf = math.nan, math.inf
    rows = [[1, nan, 2], [nan, inf, 1], [inf, 1, 2], [-inf, 1, 2], [inf, -inf, 1], [-0.0, 0, 0]]
    rows += [[-inf, -inf, -inf], [inf, inf, inf], [1, 2, nan], [-3, -2, -1], [0, 5, -inf]]
    table = np.array(rows).astype(kind(dtype))
    _check(subject, op, table, (1,))
    _check(subject, op, np.asarray(table.transpose()), (0,))
    _check(subject, op, np.asarray(points[3:]), (0,))
    long = np.full((3, 3000), 1, kind(dtype))  # NaN must come through the fast paths too.
    long[0, 17], long[1, 2999] = nan, inf
    if op != "sum" or dtype not in LOW:
        _check(subject, op, long, (1,))
        _check(subject, op, np.asarray(long.transpose()), (0,))


def _layout(subject: Subject, op: str, dtype: str) -> None:
    for layout in LAYOUTS:
        for shape, every in (((6,), ((0,),)), ((3, 4), ((0,), (1,))), ((30, 100), ((0,), (1,)))):
            for dims in every:
                x = _values(subject, op, dtype, shape)
                _check(subject, op, x, dims, subject.laid(x, layout))
    for row in ((6,), (4, 1)):
        placed = subject.expanded(_values(subject, op, dtype, row), (4, 6))
        for some in ((0,), (1,), (0, 1)):
            _check(subject, op, placed.host, some, placed)


def _low_sum(subject: Subject, dtype: str) -> None:
    """Sums that a 16-bit running total would stop at, or overflow in."""
    n = 4096
    ones = np.ones((n, 3), kind(dtype))
    for x, dims in ((ones, (0,)), (np.asarray(ones.T), (1,)), (ones[:, 0], (0,)), (ones, (0, 1))):
        _check(subject, "sum", np.ascontiguousarray(x), dims)
    _check(subject, "sum", np.ones((64, 3, 64), kind(dtype)), (0, 2))
    if dtype == "float16":
        top = 60000
        _check(subject, "sum", np.array([top, top, -top, 1000, -1000], kind(dtype)), (0,))
        _check(subject, "sum", np.array([top, top], kind(dtype)), (0,))
    _check(subject, "sum", np.full(1000, 0.1).astype(kind(dtype)), (0,))
    # The result is rounded once: from float32 sums, not from sums that were rounded on the way.
    x = draw(subject, dtype, (200, 40), 0.5, 1.5)
    for dims in ((0,), (1,)):
        _check(subject, "sum", x, dims)


def _low_prod(subject: Subject, dtype: str) -> None:
    """Products whose roundings would add up, or that overflow float16 on the way."""
    step = 1 + 3 * (2.0**-10 if dtype == "float16" else 2.0**-7)
    _check(subject, "prod", np.full((100, 2), step).astype(kind(dtype)), (0,))
    if dtype == "float16":
        _check(subject, "prod", np.array([400, 400, 0.001, 0.25]).astype(kind(dtype)), (0,))


def _long_sum(subject: Subject, dtype: str) -> None:
    """100 000 terms: the error may be a few units in the last place of the sum of their sizes."""
    n = 100_000
    target = np.complex128 if dtype in COMPLEX else np.float64
    for x in (np.full(n, 0.1).astype(kind(dtype)), draw(subject, dtype, (n,), 0, 1)):
        forms: list[tuple[Array, Dims]] = [(x, (0,)), (x.reshape(n // 4, 4), (0, 1))]
        forms += [(x.reshape(4, n // 4), (1,)), (x.reshape(n // 4, 4), (0,))]
        forms += [(x.reshape(10, n // 20, 2), (1,))]
        for a, dims in forms:
            rows, shape = _groups(a.astype(target), dims, False)
            expected = np.array([_folded_long(row) for row in rows]).reshape(shape)
            size = np.abs(rows).sum(1).reshape(shape)
            verify(subject, "sum", (a, dims, False), expected, dtype, factor=0.2, floor=size)


def _folded_long(row: Array) -> complex | float:
    if row.dtype.kind == "c":
        return complex(math.fsum(row.real.tolist()), math.fsum(row.imag.tolist()))
    return math.fsum(row.tolist())


def _place(op: str, row: list[Any]) -> int:
    """The first NaN, else the first of the extremes."""
    for place, value in enumerate(row):
        if value != value:
            return place
    return row.index(max(row) if op == "argmax" else min(row))


def _check_place(subject: Subject, op: str, x: Array, dim: int, arg: Any = None) -> None:
    for keepdim in (True, False):
        rows, shape = _groups(wide(x), (dim,), keepdim)
        expected = np.array([_place(op, row.tolist()) for row in rows], np.int64).reshape(shape)
        verify(subject, op, (x if arg is None else arg, dim, keepdim), expected)


def _places(subject: Subject, op: str, dtype: str) -> None:
    for shape in ((1,), (7,), (3, 5), (2, 3, 4), (2, 1, 3), (5, 131), (0, 3)):
        for dim in range(len(shape)):
            if shape[dim]:
                _check_place(subject, op, draw(subject, dtype, shape, -100, 100), dim)
    for layout in LAYOUTS:
        x = draw(subject, dtype, (5, 6), -100, 100)
        for dim in (0, 1):
            _check_place(subject, op, x, dim, subject.laid(x, layout))


def _ties(subject: Subject, op: str, dtype: str) -> None:
    for shape in ((9,), (6, 50), (3000,)):
        for dim in range(len(shape)):
            _check_place(subject, op, draw(subject, dtype, shape, 0, 1).round(), dim)
    _check_place(subject, op, np.full((4, 300), 3).astype(kind(dtype)), 1)


def _place_special(subject: Subject, op: str, dtype: str) -> None:
    if dtype in INTS:
        ends = extremes(dtype)
        _check_place(subject, op, ends, 0)
        _check_place(subject, op, np.asarray(ends[::-1]), 0)
        _check_place(subject, op, np.stack([ends, ends[::-1]]), 0)
        return
    nan, inf = math.nan, math.inf
    rows = [[1, nan, nan], [nan, inf, 1], [inf, 1, inf], [-inf, 1, -inf], [-0.0, 0, -0.0]]
    rows += [[-inf, -inf, -inf], [inf, inf, inf], [1, 2, nan], [inf, 1, nan], [-inf, nan, inf]]
    rows += [[nan, nan, nan]]
    table = np.array(rows).astype(kind(dtype))
    _check_place(subject, op, table, 1)
    _check_place(subject, op, np.asarray(table.transpose()), 0)
    long = draw(subject, dtype, (2, 3000))
    long[0, 1234] = long[0, 2000] = nan
    _check_place(subject, op, long, 1)
