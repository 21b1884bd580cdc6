"""Elementwise kernels of one array."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..case import Case
from ..subject import LAYOUTS, Array, Subject
from . import special
from .samples import (
    COMPLEX,
    FLOATS,
    INTS,
    NUMBERS,
    SHAPES,
    case,
    draw,
    extremes,
    info,
    kind,
    specials,
    verify,
    wide,
    wrapped,
)

__all__ = ["cases"]


@dataclass(frozen=True, slots=True)
class _Row:
    """A function of one number.

    `floor` is the size below which errors are absolute, and `points` are arguments where bad
    formulas show.
    """

    function: Callable[[Any], Any]
    low: float = -4
    high: float = 4
    points: tuple[float, ...] = ()
    floor: float = 1e-3
    dtypes: tuple[str, ...] = FLOATS
    exact: bool = False  # the result is a value of the dtype, and the sign of zero counts


def _half_even(x: Any) -> Any:
    return np.copysign(np.rint(x), x)


def _sign(x: Any) -> Any:
    return np.where(x > 0, 1.0, np.where(x < 0, -1.0, 0.0))


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


_SMALL = (1e-4, -1e-4, 1e-3, -1e-3, 0.01, -0.01, 0.1, -0.1)
_LARGE = (4.5, -6.0, 9.0, -11.0, 20.0, -20.0, 80.0, -80.0, 1e4, -1e4)
_ANGLES = (*_SMALL, 20.0, -20.0, 100.0, -1000.0, 1e4, -31234.5)
_WHOLE = (0.25, -0.25, 0.75, -0.75, 3.5, -3.5, 255.0, 1000.5, -1000.5, 8388609.0, -8388609.0, 3e10)

_ROWS: dict[str, _Row] = {
    "neg": _Row(np.negative, dtypes=NUMBERS, exact=True),
    "abs": _Row(np.abs, dtypes=NUMBERS, exact=True),
    "sign": _Row(_sign, dtypes=(*INTS, *FLOATS), exact=True),
    "exp": _Row(np.exp, points=(*_SMALL, *_LARGE), dtypes=(*FLOATS, *COMPLEX)),
    "expm1": _Row(np.expm1, points=(*_SMALL, *_LARGE), floor=1e-6),
    "log": _Row(np.log, 0.01, 8, (1e-3, 1e4, 0.1, -1e-3), 1e-1, (*FLOATS, *COMPLEX)),
    "log1p": _Row(np.log1p, -0.9, 8, (*_SMALL, 1e4), 1e-6),
    "sqrt": _Row(np.sqrt, 0, 9, (4.0, 9.0, 1e4, 1e-3), 1e-6, (*FLOATS, *COMPLEX)),
    "sin": _Row(np.sin, points=_ANGLES, dtypes=(*FLOATS, *COMPLEX), floor=0.1),
    "cos": _Row(np.cos, points=_ANGLES, dtypes=(*FLOATS, *COMPLEX), floor=0.1),
    "tanh": _Row(np.tanh, points=(*_SMALL, *_LARGE), dtypes=(*FLOATS, *COMPLEX), floor=1e-6),
    "erf": _Row(special.erf, points=(*_SMALL, 5.0, -5.0, 20.0, -20.0)),
    "floor": _Row(np.floor, points=_WHOLE, dtypes=(*INTS, *FLOATS), exact=True),
    "round": _Row(_half_even, points=_WHOLE, dtypes=(*INTS, *FLOATS), exact=True),
    "asin": _Row(np.arcsin, -1, 1, (*_SMALL, 0.99, 2.0), 1e-6),
    "acos": _Row(np.arccos, -1, 1, (*_SMALL, 2.0), 1e-1),
    "atan": _Row(np.arctan, points=(*_SMALL, *_LARGE), floor=1e-6),
    "lgamma": _Row(special.lgamma, 0.1, 8, (1.0, 2.0, 30.0, 100.0, -0.5, -1.5, -2.25), 1.0),
    "digamma": _Row(special.digamma, 0.1, 8, (1.0, 0.5, 30.0, 100.0, -0.5, -1.5, -2.25), 1.0),
    "erfinv": _Row(special.erfinv, -0.95, 0.95, (*_SMALL, 0.99, -0.99, 2.0), 1e-3),
    # Composites, for which a device may have a kernel.
    "rsqrt": _Row(lambda x: 1 / np.sqrt(x), 0.01, 9, (4.0, 1e4, 1e-3)),
    "reciprocal": _Row(lambda x: 1 / x, 0.1, 8, (*_SMALL, 1e4)),
    "sigmoid": _Row(_sigmoid, points=(*_SMALL, *_LARGE)),
    "relu": _Row(lambda x: np.where(x < 0, 0.0, x), dtypes=(*INTS, *FLOATS)),
    "square": _Row(np.square, points=_SMALL, dtypes=NUMBERS),
    "log2": _Row(np.log2, 0.01, 8, (1e-3, 1024.0, 0.1), 1e-1),
    "log10": _Row(np.log10, 0.01, 8, (1e-3, 1e4, 0.1), 1e-1),
    "exp2": _Row(np.exp2, points=(*_SMALL, 10.0, -10.0)),
    "ceil": _Row(np.ceil, points=_WHOLE, dtypes=(*INTS, *FLOATS)),
    "trunc": _Row(np.trunc, points=_WHOLE, dtypes=(*INTS, *FLOATS)),
    "tan": _Row(np.tan, -1.4, 1.4, _SMALL),
    "sinh": _Row(np.sinh, points=(*_SMALL, 8.0, -8.0)),
    "cosh": _Row(np.cosh, points=(*_SMALL, 8.0, -8.0)),
    "asinh": _Row(np.arcsinh, points=(*_SMALL, 1e4, -1e4)),
    "acosh": _Row(np.arccosh, 1.1, 9, (1.0, 1e4, 0.5)),
    "atanh": _Row(np.arctanh, -0.9, 0.9, (*_SMALL, 1.0, -1.0, 2.0)),
}
_TESTS: dict[str, Callable[[Any], Any]] = {
    "logical_not": lambda x: x == 0,
    "isnan": np.isnan,
    "isinf": np.isinf,
    "isfinite": np.isfinite,
}
_INTEGERS: dict[str, Callable[[int], int]] = {
    "neg": lambda x: -x,
    "abs": abs,
    "sign": lambda x: (x > 0) - (x < 0),
    "relu": lambda x: max(x, 0),
    "square": lambda x: x * x,
}
# Further from the oracle, as PyTorch's own are.
_LOOSE = {"lgamma": 4.0, "digamma": 4.0, "erfinv": 4.0}


def cases(subject: Subject) -> Iterator[Case]:
    """For each function: ordinary values in many shapes, special values, and other layouts."""
    for op, row in _ROWS.items():
        for dtype in row.dtypes:
            bodies = [("shapes", _shapes), ("special", _special), ("layout", _layout)]
            for theme, body in bodies:
                yield case(op, dtype, theme, partial(body, op=op, dtype=dtype))
        if "float32" in row.dtypes:
            yield case(op, "float32", "large", partial(_large, op=op))
    for op in _TESTS:
        for dtype in NUMBERS if op != "logical_not" else ("bool", *NUMBERS):
            yield case(op, dtype, "values", partial(_tests, op=op, dtype=dtype))


def _check(subject: Subject, op: str, dtype: str, x: Array, arg: Any = None) -> None:
    row, args = _ROWS[op], (x if arg is None else arg,)
    if dtype in INTS:
        function = _INTEGERS.get(op, int)
        flat = [function(int(value)) for value in x.reshape(-1)]
        verify(subject, op, args, wrapped(flat, dtype).reshape(x.shape))
        return
    with np.errstate(all="ignore"):
        expected = np.asarray(row.function(wide(x)))
    result = np.empty(0, kind(dtype)).real.dtype.name if op == "abs" else dtype
    if row.exact and dtype not in COMPLEX:
        verify(subject, op, args, expected.astype(kind(dtype)), bits=True)
    elif dtype in COMPLEX:
        verify(subject, op, args, expected, result)
    else:
        factor = _LOOSE.get(op, 1.0)
        verify(subject, op, args, expected, dtype, factor=factor, floor=row.floor)


def _shapes(subject: Subject, op: str, dtype: str) -> None:
    row = _ROWS[op]
    for shape in SHAPES:
        _check(subject, op, dtype, draw(subject, dtype, shape, row.low, row.high))


def _points(op: str, dtype: str) -> Array:
    """Special arguments, without those where `dtype` would need subnormal numbers."""
    if dtype in COMPLEX:
        # Infinities are left out: libraries differ about them, and PyTorch's own devices do.
        return np.array([0, 1, -1, 1j, -1j, 2 - 3j, 0.5 + 0.25j, -3 + 0.125j], kind(dtype))
    row = _ROWS[op]
    most, tiny = info(dtype)
    with np.errstate(all="ignore"):
        x = np.concatenate([specials(dtype), np.array(row.points).astype(kind(dtype))])
        if not row.exact:
            x = x[~(np.abs(wide(x)) == most)]
        y = np.abs(np.asarray(row.function(wide(x)), np.float64))
    small = [(v != 0) & (v < tiny) for v in (y, np.abs(wide(x)))]
    # The last value before infinity: 16-bit floats need not agree about it.
    edge = np.isfinite(y) & (y > most * 0.99) & (not row.exact)
    return np.asarray(x[~(small[0] | small[1] | edge)])


def _special(subject: Subject, op: str, dtype: str) -> None:
    if dtype in INTS:
        _check(subject, op, dtype, extremes(dtype))
        return
    points = _points(op, dtype)
    _check(subject, op, dtype, points)
    if op == "round" and dtype in ("float32", "float64"):
        # Adding a half and rounding down gives 1 here.
        below = np.nextafter(kind(dtype).type(0.5), kind(dtype).type(0))
        _check(subject, op, dtype, np.array([below, -below], kind(dtype)))


def _layout(subject: Subject, op: str, dtype: str) -> None:
    limits = _ROWS[op]
    for layout in LAYOUTS:
        for shape in ((5,), (3, 4), (2, 3, 4)):
            x = draw(subject, dtype, shape, limits.low, limits.high)
            _check(subject, op, dtype, x, subject.laid(x, layout))
    for row, shape in (((4,), (3, 4)), ((3, 1), (3, 4)), ((), (5,))):
        placed = subject.expanded(draw(subject, dtype, row, limits.low, limits.high), shape)
        _check(subject, op, dtype, placed.host, placed)


def _large(subject: Subject, op: str) -> None:
    """More elements than a careless grid of threads has."""
    row = _ROWS[op]
    _check(subject, op, "float32", draw(subject, "float32", (257, 300), row.low, row.high))


def _tests(subject: Subject, op: str, dtype: str) -> None:
    inputs = [draw(subject, dtype, shape, -1, 1) for shape in SHAPES]
    if dtype != "bool":
        inputs.append(extremes(dtype) if dtype in INTS else specials(dtype))
    for x in inputs:
        expected = _TESTS[op](x if x.dtype.kind in "biu" else wide(x))
        verify(subject, op, (x,), np.asarray(expected, np.bool_))
    for layout in LAYOUTS:
        x = draw(subject, dtype, (3, 4), -1, 1)
        expected = _TESTS[op](x if x.dtype.kind in "biu" else wide(x))
        verify(subject, op, (subject.laid(x, layout),), np.asarray(expected, np.bool_))
