"""Comparison with the float64 oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["TOLERANCE", "assert_close", "assert_equal", "assert_rounded", "assert_same"]

# Relative, and absolute for values near 1: a few units in the last place, summation included.
TOLERANCE = {
    "float16": 2e-3,
    "bfloat16": 1.6e-2,
    "float32": 1e-5,
    "float64": 1e-12,
    "complex64": 1e-5,
    "complex128": 1e-12,
}
_SHOWN = 3
# Bits of the fraction, the hidden one included, and the exponent of the smallest normal number.
_FORMS = {"float16": (11, -14), "bfloat16": (8, -126)}


def _form(got: npt.NDArray[Any], shape: tuple[int, ...], dtype: str, what: str) -> None:
    assert got.shape == shape, f"{what}: shape {got.shape}, expected {shape}"
    assert got.dtype.name == dtype, f"{what}: dtype {got.dtype.name}, expected {dtype}"


def _check(
    right: npt.NDArray[Any], got: npt.NDArray[Any], expected: npt.NDArray[Any], what: str
) -> None:
    """AssertionError with a few of the values that are not `right`."""
    if right.all():
        return
    wrong = np.argwhere(~right)
    shown = "; ".join(
        f"at {tuple(place.tolist())} got {got[tuple(place)]}, expected {expected[tuple(place)]}"
        for place in wrong[:_SHOWN]
    )
    raise AssertionError(f"{what}: {len(wrong)} of {got.size} values are wrong: {shown}")


def assert_equal(got: npt.NDArray[Any], expected: npt.NDArray[Any], what: str = "result") -> None:
    """`got` has `expected`'s shape, dtype and values; zeros of either sign are equal, and NaNs."""
    _form(got, expected.shape, expected.dtype.name, what)
    _check(_equal(_wide(got), _wide(expected)), got, expected, what)


def assert_same(got: npt.NDArray[Any], expected: npt.NDArray[Any], what: str = "result") -> None:
    """`got` is `expected` bit for bit, signs of zeros included; but any NaN is as good as another.

    A NaN's sign and payload are not looked at.
    """
    _form(got, expected.shape, expected.dtype.name, what)
    a, b = _wide(got), _wide(expected)
    right = _equal(a, b)
    if a.dtype.kind == "f":
        right &= np.isnan(b) | (np.signbit(a) == np.signbit(b))
    elif a.dtype.kind == "c":
        for part, other in ((a.real, b.real), (a.imag, b.imag)):
            right &= _equal(part, other) & (
                np.isnan(other) | (np.signbit(part) == np.signbit(other))
            )
    _check(np.asarray(right), got, expected, what)


def assert_close(
    got: npt.NDArray[Any],
    expected: npt.NDArray[Any],
    dtype: str,
    what: str = "result",
    factor: float = 1.0,
    floor: float | npt.NDArray[Any] = 1.0,
) -> None:
    """`got` has dtype `dtype`, `expected`'s shape, and its values as closely as `dtype` can.

    Integers and bools must be equal; floats may differ by `factor` times `TOLERANCE`, relative to
    the value for those above `floor` and to `floor` below it. NaN and infinities must be where they
    are expected.
    """
    _form(got, expected.shape, dtype, what)
    if dtype not in TOLERANCE:
        _check(np.asarray(got == expected), got, expected, what)
        return
    limit = TOLERANCE[dtype] * factor
    with np.errstate(all="ignore"):
        a = _wide(got)
        b = _wide(np.asarray(expected.astype(got.dtype)))  # infinite where the dtype overflows
        finite = np.isfinite(a) & np.isfinite(b)
        near = np.abs(a - b) <= limit * (np.abs(b) + floor)
    _check(np.asarray(_equal(a, b) | (finite & near)), got, expected, what)


def assert_rounded(
    got: npt.NDArray[Any],
    expected: npt.NDArray[Any],
    dtype: str,
    what: str = "result",
    absolute: float | npt.NDArray[Any] = 0.0,
) -> None:
    """`got` is `expected`, a float64 array, rounded once to the 16-bit `dtype`.

    The float32 value before the rounding may be off by `absolute` and by a sixteenth of a unit in
    the last place of `dtype`; so cutting bits off shows, and so does rounding twice.
    """
    _form(got, expected.shape, dtype, what)
    bits, least = _FORMS[dtype]
    with np.errstate(all="ignore"):
        a, b = _wide(got), _wide(np.asarray(expected.astype(got.dtype)))
        finite = np.isfinite(a) & np.isfinite(expected)
        exponent = np.maximum(np.frexp(np.where(finite, expected, 1.0))[1] - 1, least)
        unit = np.ldexp(1.0, exponent - bits + 1)
        near = np.abs(a - expected) <= unit * (0.5 + 1 / 16) + absolute
    _check(np.asarray(_equal(a, b) | (finite & near)), got, expected, what)


def _equal(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> Any:
    right = np.asarray(a == b)
    return right | (np.isnan(a) & np.isnan(b)) if a.dtype.kind in "fc" else right


def _wide(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if a.dtype.kind in "biu":
        return a
    with np.errstate(all="ignore"):
        return a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)
