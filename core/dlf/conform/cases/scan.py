"""Kernels along one dim that keep its length: running sums and products, and sorting."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ..case import Case
from ..close import assert_equal
from ..subject import LAYOUTS, Array, Placed, Subject
from .samples import (
    COMPLEX,
    FLOATS,
    INTS,
    LOW,
    NUMBERS,
    case,
    describe,
    draw,
    extremes,
    kind,
    result,
    verify,
    wide,
    wrapped,
)

__all__ = ["cases"]

_SHAPES: tuple[tuple[int, ...], ...] = (
    (),
    (0,),
    (1,),
    (9,),
    (3, 5),
    (2, 3, 4),
    (2, 0, 3),
    (2, 1, 3),
    (4, 131),
)
_RUNNING = {"cumsum": operator.add, "cumprod": operator.mul}


def cases(subject: Subject) -> Iterator[Case]:
    """Running totals and sorting, by dtype."""
    for op in _RUNNING:
        for dtype in NUMBERS:
            for theme, body in (("dims", _running), ("special", _running_special)):
                yield case(op, dtype, theme, partial(body, op=op, dtype=dtype))
    for dtype in (*LOW, "float32"):
        yield case("cumsum", dtype, "accumulation", partial(_long_running, dtype=dtype))
    for dtype in ("bool", *INTS, *FLOATS):
        for theme, check in (("dims", _sort), ("ties", _ties), ("special", _special)):
            yield case("sort", dtype, theme, partial(check, dtype=dtype))


def _dims(shape: tuple[int, ...]) -> range:
    """Core gives a 0-d array's dim as 0."""
    return range(max(len(shape), 1))


def _lines(x: Array, dim: int) -> tuple[Array, tuple[int, ...]]:
    """`x` as rows along `dim`, and the shape with `dim` moved to the end."""
    moved = np.moveaxis(x, dim, -1) if x.ndim else x.reshape(1)
    return moved.reshape(math.prod(moved.shape[:-1]), moved.shape[-1]), moved.shape


def _back(rows: Array, shape: tuple[int, ...], x: Array, dim: int) -> Array:
    return np.moveaxis(rows.reshape(shape), -1, dim) if x.ndim else rows.reshape(())


def _check_running(
    subject: Subject, op: str, x: Array, dim: int, arg: Placed | None = None, floor: float = 1e-2
) -> None:
    dtype = x.dtype.name
    rows, shape = _lines(wide(x), dim)
    expected = np.empty(rows.shape, rows.dtype)
    for place, row in enumerate(rows):
        expected[place] = list(itertools.accumulate(row.tolist(), _RUNNING[op]))
    expected = _back(expected, shape, x, dim)
    args = (x if arg is None else arg, dim)
    if dtype in INTS:
        verify(subject, op, args, wrapped(expected, dtype))
    else:
        verify(subject, op, args, expected, dtype, floor=floor)


def _terms(subject: Subject, op: str, dtype: str, shape: tuple[int, ...]) -> Array:
    if dtype in INTS:
        return draw(subject, dtype, shape)
    if op == "cumsum":
        return draw(subject, dtype, shape, 0.25, 4)
    x = draw(subject, dtype, shape, 0.9, 1.1)
    return np.asarray(x * subject.rng.choice([-1, 1], shape)).astype(kind(dtype))


def _running(subject: Subject, op: str, dtype: str) -> None:
    for shape in _SHAPES:
        for dim in _dims(shape):
            _check_running(subject, op, _terms(subject, op, dtype, shape), dim)
    for layout in LAYOUTS:
        x = _terms(subject, op, dtype, (4, 6))
        for dim in (0, 1):
            _check_running(subject, op, x, dim, subject.laid(x, layout))


def _running_special(subject: Subject, op: str, dtype: str) -> None:
    if dtype in INTS:
        ends = extremes(dtype)
        for x in (ends, ends[ends != 0], np.stack([ends, ends[::-1]])):
            for dim in range(x.ndim):
                _check_running(subject, op, np.asarray(x), dim)
    elif dtype in COMPLEX:
        _check_running(subject, op, np.array([1j, 2 - 1j, 0.5, -1j], kind(dtype)), 0)
    else:
        nan, inf = math.nan, math.inf
        rows = [[1, 2, nan, 3], [inf, 1, -inf, 2], [0, inf, 1, 1], [-inf, 2, 0, 1], [0, -1, 2, 0]]
        _check_running(subject, op, np.array(rows).astype(kind(dtype)), 1)
        _check_running(subject, op, np.array(rows).T.astype(kind(dtype)), 0)


def _long_running(subject: Subject, dtype: str) -> None:
    """Running totals must not be kept in 16 bits, which would stop growing."""
    n = 4096
    _check_running(subject, "cumsum", np.ones(n, kind(dtype)), 0)
    _check_running(subject, "cumsum", np.ones((n, 2), kind(dtype)), 0)
    if dtype == "float16":
        _check_running(subject, "cumsum", np.array([1, 60000, 60000, -60000], kind(dtype)), 0)
    if dtype == "float32":  # One addition after another is within this; 16-bit factors are not.
        _check_running(subject, "cumsum", draw(subject, dtype, (2, n), 0, 1), 1, floor=n / 4)


def _order(row: list[Any], descending: bool) -> list[int]:
    """Places in sorted order, equals in theirs; NaN is the greatest, and equal to NaN."""

    def key(place: int) -> tuple[bool, Any]:
        value = row[place]
        missing = value != value
        if descending:
            return not missing, 0 if missing else -value
        return missing, 0 if missing else value

    return sorted(range(len(row)), key=key)


def _sorted(x: Array, dim: int, descending: bool) -> tuple[Array, Array]:
    rows, shape = _lines(x, dim)
    values, order = np.empty_like(rows), np.empty(rows.shape, np.int64)
    for place, row in enumerate(wide(rows)):
        order[place] = _order(row.tolist(), descending)
        values[place] = rows[place][order[place]]
    return _back(values, shape, x, dim), _back(order, shape, x, dim)


def _check_sort(subject: Subject, x: Array, dim: int, arg: Placed | None = None) -> None:
    for descending, stable in itertools.product((False, True), (False, True)):
        args = (x if arg is None else arg, dim, descending, stable)
        what = describe("sort", args)
        got = result(subject, "sort", *args)
        assert isinstance(got, tuple) and len(got) == 2, f"{what}: gave {got!r}, expected a pair"
        values, order = _sorted(x, dim, descending)
        assert_equal(got[0], values, f"{what}, values")
        if stable:
            assert_equal(got[1], order, f"{what}, indices")
            continue
        # Equals may come in any order, but each place once, and with its value.
        assert got[1].shape == x.shape, f"{what}: indices of shape {got[1].shape}"
        assert got[1].dtype == np.int64, f"{what}: indices of dtype {got[1].dtype}"
        if x.ndim:
            each = np.moveaxis(np.sort(got[1], dim), dim, -1)
            assert (each == np.arange(x.shape[dim])).all(), f"{what}: a place is there twice"
            assert_equal(np.take_along_axis(x, got[1], dim), values, f"{what}, places")


def _sort(subject: Subject, dtype: str) -> None:
    subject.need("int64")
    for shape in _SHAPES:
        for dim in _dims(shape):
            _check_sort(subject, draw(subject, dtype, shape, -100, 100), dim)
    for layout in LAYOUTS:
        x = draw(subject, dtype, (4, 6), -100, 100)
        for dim in (0, 1):
            _check_sort(subject, x, dim, subject.laid(x, layout))


def _ties(subject: Subject, dtype: str) -> None:
    subject.need("int64")
    for shape in ((9,), (4, 50), (50, 4), (700,)):
        for dim in range(len(shape)):
            x = draw(subject, "int32", shape, 0, 3).astype(kind(dtype))
            _check_sort(subject, x, dim)


def _special(subject: Subject, dtype: str) -> None:
    subject.need("int64")
    if dtype == "bool":
        _check_sort(subject, np.array([True, False, True, False, False]), 0)
        return
    if dtype in INTS:
        x = subject.rng.permutation(np.concatenate([extremes(dtype), extremes(dtype)]))
        _check_sort(subject, x, 0)
        _check_sort(subject, np.stack([x, x[::-1]]), 1)
        return
    nan, inf = math.nan, math.inf
    rows = [[1, nan, 2, nan, -1], [inf, nan, -inf, 0, inf], [0.0, -0.0, 0.0, -0.0, 1]]
    rows += [[nan] * 5, [-inf, -inf, inf, inf, nan], [3, 2, 1, nan, 0]]
    table = np.array(rows).astype(kind(dtype))
    _check_sort(subject, table, 1)
    _check_sort(subject, np.ascontiguousarray(table.T), 0)
