"""Elementwise kernels of two operands, of which one may be a Python number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ..case import Case
from ..subject import Array, Placed, Subject
from .binary_table import BOOL, COMPARE, COMPLEX_OPS, EXACT, FLOAT, INTEGER, PAIRS, SIGNED_ZEROS
from .samples import (
    ALL,
    COMPLEX,
    FLOATS,
    INTS,
    case,
    draw,
    extremes,
    kind,
    number,
    specials,
    verify,
    wide,
    wrapped,
)

__all__ = ["cases"]


def _dtypes(op: str) -> tuple[str, ...]:
    if op in COMPARE:
        return ALL if op in COMPLEX_OPS else tuple(d for d in ALL if d not in COMPLEX)
    taken = ["bool"] if op in BOOL else []
    taken += [*INTS] if op in INTEGER else []
    taken += [*FLOATS] if op in FLOAT else []
    return (*taken, *COMPLEX) if op in COMPLEX_OPS else tuple(taken)


def cases(subject: Subject) -> Iterator[Case]:
    """Shapes and broadcasting, Python numbers, special values, layouts; for each op and dtype."""
    bodies = [
        ("broadcast", _broadcast),
        ("number", _number),
        ("special", _special),
        ("layout", _layout),
    ]
    for op in dict.fromkeys([*FLOAT, *INTEGER, *COMPARE]):
        for dtype in _dtypes(op):
            for theme, body in bodies:
                yield case(op, dtype, theme, partial(body, op=op, dtype=dtype))
    for op in (*FLOAT, *COMPARE):
        yield case(op, "float32", "large", partial(_large, op=op))
    for dtype in FLOATS:
        yield case("floordiv", dtype, "quotient", partial(_quotient, dtype=dtype))
    for dtype in INTS[1:]:
        yield case("pow", dtype, "negative exponent", partial(_negative_power, dtype=dtype))


def _host(x: Any, dtype: str) -> Any:
    if isinstance(x, Placed):
        x = x.host
    return x if isinstance(x, np.ndarray) else np.array(x, kind(dtype))


def _check(subject: Subject, op: str, dtype: str, a: Any, b: Any) -> None:
    """One call; `a` and `b` are arrays of `dtype`, `Placed` ones, or one of them a number."""
    x, y = wide(_host(a, dtype)), wide(_host(b, dtype))
    if op in COMPARE or dtype == "bool":
        table = COMPARE if op in COMPARE else BOOL
        verify(subject, op, (a, b), np.asarray(table[op](x, y), np.bool_))
    elif dtype in INTS:
        x, y = np.broadcast_arrays(x, y)
        flat = [INTEGER[op](*pair) for pair in zip(x.flat, y.flat, strict=True)]
        verify(subject, op, (a, b), wrapped(flat, dtype).reshape(x.shape))
    else:
        with np.errstate(all="ignore"):
            expected = np.asarray(FLOAT[op](x, y))
            rounded = expected.astype(kind(dtype))
        if op in EXACT and dtype not in COMPLEX:
            verify(subject, op, (a, b), rounded)
        else:
            verify(subject, op, (a, b), expected, dtype, floor=1e-3)


def _operands(
    subject: Subject, op: str, dtype: str, shape: tuple[int, ...], second: tuple[int, ...]
) -> tuple[Array, Array]:
    """Random operands for which `op` is defined and does not hang on how it is rounded."""
    low = 0 if dtype == "uint8" else -4
    a = draw(subject, dtype, shape, low)
    b = draw(subject, dtype, second, low)
    if op in ("floordiv", "mod"):  # Quarters, whose quotients are exact or far from whole numbers.
        a = draw(subject, "int32", shape, low * 8, 32).astype(np.float64)
        b = draw(subject, "int32", second, 1, 12).astype(np.float64)
        b = b if dtype == "uint8" else b * subject.rng.choice([-1, 1], second)
        scale = 1 if dtype in INTS else 4
        return np.asarray(a / scale).astype(kind(dtype)), np.asarray(b / scale).astype(kind(dtype))
    if op == "div":
        sign = np.where(b.real < 0, -1, 1)
        return a, np.asarray(b + sign * 0.5).astype(kind(dtype))
    if op == "pow":
        if dtype in INTS:
            return a, draw(subject, dtype, second, 0, 7)
        return draw(subject, dtype, shape, 0.25, 4), draw(subject, dtype, second, -3, 3)
    if op in ("shl", "shr"):
        a = extremes(dtype)[subject.rng.integers(0, len(extremes(dtype)), shape)]
        return np.asarray(a), draw(subject, dtype, second, 0, 8 * kind(dtype).itemsize - 1)
    return a, b


def _broadcast(subject: Subject, op: str, dtype: str) -> None:
    for first, second in PAIRS:
        _check(subject, op, dtype, *_operands(subject, op, dtype, first, second))


def _number(subject: Subject, op: str, dtype: str) -> None:
    shift = op in ("shl", "shr")
    if dtype == "bool":
        values: list[Any] = [False, True]
    elif dtype in INTS:
        values = [1, 3, 7] if dtype == "uint8" or shift else [1, 3, -2, 7]
        values = values if op in ("floordiv", "mod") else [0, *values]
    else:
        values = [2.0, -3.0, 0.5, 1.0, 3.0, -1.0]
    for value in values:
        for shape in ((), (0,), (3, 4), (5, 67)):
            a, b = _operands(subject, op, dtype, shape, shape)
            python = number(dtype, value)
            if not (op == "pow" and dtype in INTS and value < 0):
                _check(subject, op, dtype, a, python)
            _check(subject, op, dtype, python, b)
    if dtype in ("float32", "float64"):  # A tenth as the dtype has it, not as Python does.
        tenths = np.array([0.1, 0.2, 0.3, 1.0], kind(dtype))
        _check(subject, op, dtype, tenths, 0.1)
        _check(subject, op, dtype, 0.1, tenths)
    elif dtype == "float16" and op in ("add", "sub", "mul"):  # The results are infinite.
        a = np.array([60000, -60000], np.float16)
        _check(subject, op, dtype, a, -60000.0)
        _check(subject, op, dtype, -60000.0, a)
    elif dtype == "int64" and not shift and op != "pow":
        _check(subject, op, dtype, extremes(dtype)[2:], 2**53 + 1)


def _pairs(op: str, dtype: str) -> tuple[Array, Array]:
    """All pairs of special values for which the op is defined."""
    one = extremes(dtype) if dtype in INTS else specials(dtype)
    if dtype in COMPLEX:  # Libraries differ about infinite complex numbers, PyTorch's own do.
        one = np.array([0, 1, -1, 1j, -1j, 2 - 3j, 0.5 + 0.25j, -3 + 0.125j], kind(dtype))
    two = one
    if op in ("shl", "shr"):
        two = np.arange(8 * kind(dtype).itemsize).astype(kind(dtype))
    elif op == "pow" and dtype in INTS:
        two = np.arange(12).astype(kind(dtype))
    a, b = (x.reshape(-1) for x in np.broadcast_arrays(one[:, None], two[None]))
    keep = np.ones(a.shape, np.bool_)
    if op in ("floordiv", "mod") and dtype in INTS:
        keep = b != 0
        if dtype != "uint8":  # The quotient does not fit, and processors trap.
            keep &= ~((a == np.iinfo(kind(dtype)).min) & (b == -1))
    elif op in ("floordiv", "mod", "pow", "atan2") and dtype in FLOATS:
        most = max(specials(dtype)[-2:].astype(np.float64))
        keep = (np.abs(wide(a)) != most) & (np.abs(wide(b)) != most)
    elif op in ("div", "pow") and dtype in COMPLEX:
        keep = (np.abs(b) > 0) & (np.abs(a) > 0)
    if op == "div" and dtype in FLOATS:
        with np.errstate(all="ignore"):  # Results may not be subnormal.
            keep = ~(np.abs(wide(a) / wide(b)) < 4 * float(np.finfo(np.float32).tiny))
            keep |= (a == 0) | np.isinf(wide(b))
    return a[keep], b[keep]


def _special(subject: Subject, op: str, dtype: str) -> None:
    if dtype == "bool":
        a = np.array([False, False, True, True])
        _check(subject, op, dtype, a, np.array([False, True, False, True]))
        return
    a, b = _pairs(op, dtype)
    _check(subject, op, dtype, a, b)
    if dtype not in FLOATS:
        return
    for value in (math.nan, math.inf, -math.inf):
        points = specials(dtype)[:-2]
        _check(subject, op, dtype, points, value)
        _check(subject, op, dtype, value, points)
    if op in SIGNED_ZEROS:
        with np.errstate(all="ignore"):
            expected = FLOAT[op](wide(a), wide(b))
        zero = np.asarray(expected == 0)
        signs = expected[zero].astype(kind(dtype))
        verify(subject, op, (a[zero], b[zero]), signs, bits=True)


def _layout(subject: Subject, op: str, dtype: str) -> None:
    layouts = (("transposed", ""), ("", "stepped"), ("reversed", "transposed"), ("shifted", ""))
    for first, second in layouts:
        for shape in ((6,), (3, 4), (2, 3, 4)):
            a, b = _operands(subject, op, dtype, shape, shape)
            placed = [
                subject.laid(x, layout) if layout else x
                for x, layout in zip((a, b), (first, second), strict=True)
            ]
            _check(subject, op, dtype, *placed)
    a, b = _operands(subject, op, dtype, (4,), (3, 1))
    _check(subject, op, dtype, subject.expanded(a, (3, 4)), subject.expanded(b, (3, 4)))


def _large(subject: Subject, op: str) -> None:
    """More elements than a careless grid of threads has."""
    for second in ((257, 300), (300,), (257, 1)):
        a, b = _operands(subject, op, "float32", (257, 300), second)
        if op == "pow":
            a, b = np.abs(a) + 1, np.clip(b, -2, 2)
        _check(subject, op, "float32", a, b)
    _check(subject, op, "float32", a, 2.0)


def _quotient(subject: Subject, dtype: str) -> None:
    """1 // 0.1 is 9, as 0.1 is stored a little larger; 1 / 0.1 rounds to 10."""
    a = np.array([1.0, -1.0, 1.0, 6.0], np.float64).astype(kind(dtype))
    b = np.array([0.1, 0.1, -0.1, 0.1], np.float64).astype(kind(dtype))
    _check(subject, "floordiv", dtype, a, b)


def _negative_power(subject: Subject, dtype: str) -> None:
    a = np.array([-3, -2, -1, 0, 1, 2, 3], kind(dtype))[:, None]
    b = np.array([-1, -2, -3, 0, 1, 2], kind(dtype))
    x, y = np.broadcast_arrays(a, b)
    x, y = x[(x != 0) | (y >= 0)], y[(x != 0) | (y >= 0)]
    _check(subject, "pow", dtype, x, y)
