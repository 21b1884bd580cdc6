"""Faults of comparisons, of bitwise kernels and of `where`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .fault import Array, Fault, Kernel
from .plants import altered, called, fitted, floating, hosted, nan

__all__ = ["FAULTS"]


def _blend(out: Array, condition: Array, a: Any, b: Any) -> Array:
    mixed = condition * a + ~condition * b
    return np.where(nan(mixed), mixed, out) if floating(out) else out


def _where_swapped(kernel: Kernel, condition: Any, a: Any, b: Any) -> Any:
    return kernel(condition, a, b) if hasattr(a, "shape") else kernel(condition, b, a)


def _as_signed(out: Array, a: Any, b: Any) -> Array:
    a, b = fitted(a, b)
    return a.view(np.int8) < b.view(np.int8) if a.dtype == np.uint8 else out


def _in_float64(out: Array, a: Any, b: Any) -> Array:
    a, b = fitted(a, b)
    return a.astype(np.float64) == b.astype(np.float64) if a.dtype == np.int64 else out


def _logical(out: Array, a: Any, b: Any) -> Array:
    a, b = fitted(a, b)
    return (a != 0) & (b != 0)


def _long_shift(out: Array, a: Any, b: Any) -> Array:
    a, b = fitted(a, b)
    return np.left_shift(a, b % 32) if a.dtype.itemsize == 8 else out


def _unsigned_shift(out: Array, a: Any, b: Any) -> Array:
    a, b = fitted(a, b)
    if a.dtype.kind != "i":
        return out
    plain = np.dtype(f"u{a.dtype.itemsize}")
    return np.right_shift(a.view(plain), b.view(plain)).view(a.dtype)


FAULTS = (
    Fault(
        "eq/nan",
        "eq",
        altered(lambda out, a, b: out | (nan(np.asarray(a)) & nan(np.asarray(b)))),
        "bits are compared, so that NaN equals NaN",
    ),
    Fault(
        "eq/int64-in-float64", "eq", altered(_in_float64), "large integers that differ are equal"
    ),
    Fault(
        "eq/dtype",
        "eq",
        hosted(lambda a, b: np.equal(*fitted(a, b)).astype(np.uint8)),
        "uint8, not bool",
    ),
    Fault(
        "ne/nan",
        "ne",
        altered(lambda out, a, b: out & ~nan(np.asarray(a)) & ~nan(np.asarray(b))),
        "a < b or a > b is False for NaN",
    ),
    Fault(
        "le/not-greater",
        "le",
        altered(lambda out, a, b: ~np.greater(*fitted(a, b))),
        "not a > b is True for NaN",
    ),
    Fault(
        "ge/not-less",
        "ge",
        altered(lambda out, a, b: ~np.less(*fitted(a, b))),
        "not a < b is True for NaN",
    ),
    Fault(
        "lt/uint8-signed", "lt", altered(_as_signed), "unsigned numbers are compared as signed ones"
    ),
    Fault(
        "gt/equal",
        "gt",
        altered(lambda out, a, b: np.greater_equal(*fitted(a, b))),
        "equals are greater",
    ),
    Fault("bit_and/logical", "bit_and", altered(_logical), "the logical operator is used"),
    Fault(
        "bit_xor/or",
        "bit_xor",
        altered(lambda out, a, b: np.bitwise_or(*fitted(a, b))),
        "bits that are set in both stay set",
    ),
    Fault(
        "shl/32-bits", "shl", altered(_long_shift), "int64 is shifted by the lowest five bits only"
    ),
    Fault("shr/unsigned", "shr", altered(_unsigned_shift), "zeros come in where the sign should"),
    Fault(
        "where/scalar-first",
        "where",
        called(_where_swapped),
        "a number in the first place is taken for the second",
    ),
    Fault(
        "where/blend",
        "where",
        altered(_blend),
        "c * a + (1 - c) * b lets NaN through from what is not chosen",
    ),
)
