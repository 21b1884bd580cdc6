"""Faults of element-wise kernels of one array."""

from __future__ import annotations

import math

import numpy as np

from .fault import Array, Fault, Plant
from .plants import altered, floating, hosted, integral, nan, single

__all__ = ["FAULTS"]

# Abramowitz and Stegun, 7.1.25: three terms, good to 2.5e-5.
_ERF_ROUGH = (0.3480242, -0.0958798, 0.7478556)
_ERF_SCALE = 0.47047


def _rough_erf(out: Array, a: Array) -> Array:
    t = 1 / (1 + _ERF_SCALE * np.abs(a.astype(np.float64)))
    series = t * (_ERF_ROUGH[0] + t * (_ERF_ROUGH[1] + t * _ERF_ROUGH[2]))
    value: Array = np.sign(a) * (1 - series * np.exp(-(a.astype(np.float64) ** 2)))
    return value


def _half_away(out: Array, a: Array) -> Array:
    return np.trunc(a + np.copysign(a.dtype.type(0.5), a)) if floating(a) else out


def _wraps_to_positive(out: Array, a: Array) -> Array:
    if not integral(a) or a.dtype.kind == "u":
        return out
    limits = np.iinfo(a.dtype)
    return np.where(a == limits.min, limits.max, out)


def _clipped(out: Array, a: Array) -> Array:
    return np.where(np.isinf(out) & np.isfinite(a), np.exp(out.dtype.type(10)), out)


def _coarse(out: Array, a: Array) -> Array:
    # 2 pi rounded to float32 leaves an error that grows with the argument.
    if not floating(a):
        return out
    turn = float(np.float32(2 * math.pi))
    return np.where(np.abs(a) > 100, np.sin(np.fmod(a.astype(np.float64), turn)), out)


def _cancelling(out: Array, a: Array) -> Array:
    return np.log(a + np.sqrt(a * a + a.dtype.type(1))) if single(a) else out


def _aliasing(kinds: str) -> Plant:
    """Arrays of these kinds, in which nothing is to be done, are returned themselves."""
    return lambda kernel, hands: lambda a: a if hands.down(a).dtype.kind in kinds else kernel(a)


FAULTS = (
    Fault(
        "abs/unsigned-aliases",
        "abs",
        _aliasing("u"),
        "an unsigned array is its own absolute value, and is returned itself",
    ),
    Fault(
        "floor/integer-aliases",
        "floor",
        _aliasing("iu"),
        "integers need no rounding, and are returned themselves",
    ),
    Fault(
        "abs/smallest-integer",
        "abs",
        altered(_wraps_to_positive),
        "the absolute value of the smallest integer saturates; it wraps to itself",
    ),
    Fault(
        "sign/nan",
        "sign",
        altered(lambda out, a: np.where(nan(a), a, out)),
        "NumPy's sign of NaN is NaN, PyTorch's is 0",
    ),
    Fault(
        "round/half-away",
        "round",
        altered(_half_away),
        "C's round goes away from zero at halves; the contract's goes to the even neighbour",
    ),
    Fault(
        "floor/truncates",
        "floor",
        altered(lambda out, a: np.trunc(a) if floating(a) else out),
        "a cast to an integer and back truncates",
    ),
    Fault(
        "ceil/floor-plus-one",
        "ceil",
        altered(lambda out, a: np.floor(a) + 1 if floating(a) else out),
        "whole numbers are raised too",
    ),
    Fault(
        "trunc/floors",
        "trunc",
        altered(lambda out, a: np.floor(a) if floating(a) else out),
        "negative numbers go down",
    ),
    Fault(
        "logical_not/bitwise",
        "logical_not",
        altered(lambda out, a: (~a) != 0 if integral(a) else out),
        "the bitwise operator is used for integers, too",
    ),
    Fault(
        "logical_not/dtype",
        "logical_not",
        hosted(lambda a: np.logical_not(a).astype(a.dtype)),
        "the result has the dtype of the input instead of bool",
    ),
    Fault(
        "neg/zero-minus",
        "neg",
        altered(lambda out, a: a.dtype.type(0) - a if floating(a) else out),
        "0 - x loses the sign of zero",
    ),
    Fault(
        "neg/unsigned",
        "neg",
        altered(lambda out, a: np.zeros_like(a) if a.dtype.kind == "u" else out),
        "a negative number is clipped to 0 instead of wrapping in an unsigned dtype",
    ),
    Fault(
        "exp/overflow-clipped",
        "exp",
        altered(_clipped),
        "the argument is clipped, so that large ones do not give infinity",
    ),
    Fault(
        "expm1/naive",
        "expm1",
        altered(lambda out, a: np.exp(a) - a.dtype.type(1) if single(a) else out),
        "exp(x) - 1 has no digits left near 0",
    ),
    Fault(
        "log1p/naive",
        "log1p",
        altered(lambda out, a: np.log(a.dtype.type(1) + a) if single(a) else out),
        "log(1 + x) has no digits left near 0",
    ),
    Fault(
        "log/zero",
        "log",
        altered(lambda out, a: np.where(a == 0, -1e4, out)),
        "the argument is clipped from below, so that 0 gives a finite number",
    ),
    Fault(
        "sqrt/negative",
        "sqrt",
        altered(lambda out, a: np.where(a < 0, 0, out) if floating(a) else out),
        "negative numbers are clipped to 0; they give NaN",
    ),
    Fault(
        "sin/large-arguments",
        "sin",
        altered(_coarse),
        "arguments are brought into one turn with 2 pi in float32",
    ),
    Fault(
        "cos/no-nan-of-infinity",
        "cos",
        altered(lambda out, a: np.where(nan(out), 1, out)),
        "cos of infinity is NaN; an implementation that brings the argument into range gave 1",
    ),
    Fault(
        "tanh/saturates",
        "tanh",
        altered(lambda out, a: np.where(np.abs(a) > 4, np.sign(a), out) if single(a) else out),
        "a rational approximation is cut off at 4",
    ),
    Fault(
        "tanh/overflow",
        "tanh",
        altered(lambda out, a: np.where(np.abs(a) > 30, np.nan, out)),
        "(exp(2x) - 1) / (exp(2x) + 1) is infinity by infinity for large x",
    ),
    Fault(
        "erf/rough",
        "erf",
        altered(_rough_erf),
        "an approximation with three terms is good to 2.5e-5",
    ),
    Fault(
        "sigmoid/overflow",
        "sigmoid",
        altered(lambda out, a: np.where(a > 25, np.nan, out)),
        "exp(x) / (1 + exp(x)) is infinity by infinity for large x",
    ),
    Fault(
        "rsqrt/fast",
        "rsqrt",
        altered(lambda out, a: out.astype(np.float64) * (1 + 3e-4)),
        "the processor's fast instruction without a Newton step is good to 12 bits",
    ),
    Fault(
        "relu/nan",
        "relu",
        altered(lambda out, a: np.where(nan(a), 0, out)),
        "a maximum of the processor gives the operand that is no NaN",
    ),
    Fault(
        "isinf/positive-only",
        "isinf",
        altered(lambda out, a: out & (a == np.inf)),
        "x == inf is False for negative infinity",
    ),
    Fault(
        "isnan/optimised-away",
        "isnan",
        altered(lambda out, a: np.zeros_like(out)),
        "a compiler that assumes finite numbers makes x != x False",
    ),
    Fault(
        "asinh/cancels",
        "asinh",
        altered(_cancelling),
        "log(x + sqrt(x^2 + 1)) cancels for negative numbers",
    ),
    Fault(
        "lgamma/negative",
        "lgamma",
        altered(lambda out, a: np.where(a < 0, np.nan, out)),
        "the reflection for negative numbers is missing",
    ),
    Fault(
        "digamma/pole",
        "digamma",
        altered(lambda out, a: np.where(a == 0, np.nan, out)),
        "digamma of 0 is minus infinity, with the sign of the zero",
    ),
    Fault(
        "erfinv/ends",
        "erfinv",
        altered(lambda out, a: np.where(np.abs(a) == 1, 0, out)),
        "the ends of the interval give infinity",
    ),
)
