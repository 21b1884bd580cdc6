"""Kernels that make arrays: full, arange, cast, copy; and whose memory results lie in."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ... import dtypes
from ..case import Case
from ..close import assert_same
from ..subject import LAYOUTS, Array, Subject
from .samples import (
    ALL,
    COMPLEX,
    FLOATS,
    INTS,
    LOW,
    SHAPES,
    case,
    describe,
    distinct,
    draw,
    extremes,
    kind,
    number,
    result,
    specials,
    verify,
    wide,
    wrapped,
)

__all__ = ["cases"]


def cases(subject: Subject) -> Iterator[Case]:
    """What the four kernels give, by dtype and pair of dtypes."""
    for dtype in ALL:
        yield case("full", dtype, "values", partial(_full, dtype=dtype))
        yield case("copy", dtype, "bits", partial(_copy, dtype=dtype))
        if dtype not in ("bool", *COMPLEX):
            yield case("arange", dtype, "values", partial(_arange, dtype=dtype))
        for source in ALL:
            yield case("cast", dtype, f"from {source}", partial(_cast, source=source, dtype=dtype))
    for dtype in ("float32", "int64"):
        yield case("full", dtype, "devices", partial(_devices, dtype=dtype))
    yield case("arange", "int64", "large", _large_range)


def _indices(subject: Subject) -> range:
    return range(max(subject.backend.device_count(), 1))


def _full(subject: Subject, dtype: str) -> None:
    values: list[Any] = [0, 1, True, False, number(dtype, 1), number(dtype, 0)]
    if dtype in INTS:
        values += [int(v) for v in extremes(dtype)]
    elif dtype in FLOATS:
        values += [math.nan, math.inf, -math.inf, -0.0, 0.5, -2.25, 3]
    elif dtype in COMPLEX:
        values += [2.5, 1 - 2j, complex(-0.0, 1.0)]
    for value in values:
        expected = np.array(value).astype(kind(dtype))
        for shape in ((2, 3), (), (0,), (2, 0, 3)) if value in (0, 1) else ((2, 3), ()):
            args = (shape, value, dtypes.dtype_named(dtype), subject.index)
            verify(subject, "full", args, np.full(shape, expected), bits=True)


def _arange(subject: Subject, dtype: str) -> None:
    forms: list[tuple[Any, Any, int]] = [(0, 1, 5), (3, 2, 4), (0, 1, 0), (7, 1, 1), (9, -1, 10)]
    if dtype != "uint8":
        forms += [(5, -3, 4), (-4, 1, 9)]
    if dtype in FLOATS:
        forms += [(0.5, 0.25, 6), (1.0, -0.1, 20), (0, 0.1, 300), (1.0, 1.0, 300), (0.0, 1.0, 0)]
    if dtype in ("int32", "int64", *FLOATS):
        forms += [(0, 1, 5000), (-1000, 7, 600)]
    target = dtypes.dtype_named(dtype)
    for start, step, length in forms:
        args = (start, step, length, target, subject.index)
        values = [start + step * i for i in range(length)]
        if dtype in INTS:
            verify(subject, "arange", args, np.array(values, kind(dtype)))
        else:
            # No more than a unit in the last place: from the formula, not from repeated addition.
            expected = np.array(values, np.float64)
            factor = 0.05 if dtype == "float32" else 1.0
            floor = max(abs(start), abs(step)) * 4
            verify(subject, "arange", args, expected, dtype, factor=factor, floor=floor)


def _large_range(subject: Subject) -> None:
    """Integers that floating point would round."""
    start = 2**53 + 1
    args = (start, 2, 4, dtypes.int64, subject.index)
    verify(subject, "arange", args, np.array([start + 2 * i for i in range(4)]))


def _devices(subject: Subject, dtype: str) -> None:
    """What is made on a device of any index can be computed with what is put there."""
    host = np.array([1, 2, 3], kind(dtype))
    target = dtypes.dtype_named(dtype)
    for index in _indices(subject):
        there = subject.backend.from_host(host.copy(), target, index)
        made = subject.kernel("full")((3,), 5, target, index)
        ramp = subject.kernel("arange")(0, 1, 3, target, index)
        add = subject.kernel("add")
        found = subject.get(add(add(made, there), ramp))
        expected = np.array([6, 8, 10], kind(dtype))
        assert_same(found, expected, f"full, arange and add on device {index}")


def _copy(subject: Subject, dtype: str) -> None:
    for shape in (*SHAPES, (4, 12)):
        x = distinct(subject, dtype, shape)
        verify(subject, "copy", (x,), x, bits=True)
    large = distinct(subject, dtype, (257, 300))
    verify(subject, "copy", (large,), large, bits=True)
    for layout in LAYOUTS:
        x = distinct(subject, dtype, (4, 12))
        verify(subject, "copy", (subject.laid(x, layout),), x, bits=True)
    placed = subject.expanded(distinct(subject, dtype, (3, 1)), (3, 4))
    verify(subject, "copy", (placed,), placed.host, bits=True)
    _own_memory(subject, distinct(subject, dtype, (3, 4)))


def _own_memory(subject: Subject, x: Array) -> None:
    """Writing into the copy leaves the source as it is, and the other way round."""
    other = np.zeros_like(x)
    source = subject.put(x)
    copied = subject.kernel("copy")(source)
    subject.backend.assign(copied, subject.put(other))
    assert_same(subject.get(source), x, "the source, after a write into its copy")
    assert_same(subject.get(copied), other, "the copy, after a write into it")
    copied = subject.kernel("copy")(source)
    subject.backend.assign(source, subject.put(other))
    assert_same(subject.get(copied), x, "the copy, after a write into its source")


def _castable(subject: Subject, source: str, dtype: str) -> Array:
    """Values whose cast C defines: floats that fit the integer, and no double rounding."""
    if source == "bool":
        return np.array([False, True, True])
    if source in INTS:
        if dtype in LOW:
            return np.array([0, 1, 2, 3, 100, 127], kind(source))
        return np.concatenate([extremes(source), distinct(subject, source, (40,))])
    if dtype in INTS:
        low, high = (0, 255) if dtype == "uint8" else (-128, 127)
        plain = [0.0, -0.0, 0.25, 0.75, 1.0, 1.5, 2.5, 99.75]
        plain += [-0.5, -0.75] if dtype == "uint8" else [-0.5, -0.75, -1.5, -2.5, -99.75]
        if dtype == "int64" and source not in LOW:
            plain += [2.0**40, -(2.0**40), 2.0**60]  # A detour through 32 bits would lose these.
        if dtype in ("int32", "int64") and source != "float16":
            plain += [2.0**24, -(2.0**24), 2.0**30]
        drawn = np.clip(draw(subject, "float64", (20,), low, high), low, high)
        return np.concatenate([np.array(plain), drawn]).astype(kind(source))
    drawn = draw(subject, source, (30,), -100, 100)
    if source == "float64" and dtype in LOW:
        drawn = drawn.astype(np.float32).astype(
            np.float64
        )  # PyTorch casts these by way of float32.
    if source in COMPLEX:
        return drawn
    return np.concatenate([drawn, specials(source)[:-2]])


def _cast_one(value: Any, dtype: str) -> Any:
    """One Python number cast as C would."""
    if dtype == "bool":
        return value != 0
    if isinstance(value, complex) and dtype not in COMPLEX:
        value = value.real
    return math.trunc(value) if dtype in INTS else value


def _cast(subject: Subject, source: str, dtype: str) -> None:
    subject.need(source)
    target = dtypes.dtype_named(dtype)
    values = _castable(subject, source, dtype)
    inputs: list[Array] = [values, values.reshape(1, -1), values[:0], values[:0].reshape(2, 0, 3)]
    inputs += [np.asarray(values[1]), np.asarray(values[2])]
    if dtype == "bool" and source in (*FLOATS, *COMPLEX):
        inputs += [np.array([0, -0.0, 0.5, -0.001, 1], kind(source))]
    if dtype == "bool" and source in FLOATS:
        inputs += [specials(source)]
    if dtype in FLOATS and source == "float64" and dtype != "float64":
        inputs += [np.array([1e300, -1e300])]  # These become infinite.
    for x in inputs:
        flat = [_cast_one(value, dtype) for value in wide(x).reshape(-1).tolist()]
        if dtype in INTS:
            expected = wrapped(flat, dtype)
        else:
            with np.errstate(all="ignore"):
                expected = np.array(flat, wide_of(dtype)).astype(kind(dtype))
        verify(subject, "cast", (x, target), expected.reshape(x.shape), bits=True)
    for layout in LAYOUTS:
        plain = result(subject, "cast", np.stack([values, values]), target)
        x = np.stack([values, values])
        what = describe("cast", (layout, x, target))
        assert_same(result(subject, "cast", subject.laid(x, layout), target), plain, what)


def wide_of(dtype: str) -> Any:
    """The NumPy dtype in which the oracle holds what is cast to `dtype`."""
    if dtype == "bool":
        return np.bool_
    return np.complex128 if dtype in COMPLEX else np.float64
