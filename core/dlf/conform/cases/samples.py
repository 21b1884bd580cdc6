"""What the cases of kernels share: values to compute with, and the comparison of one call."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ...dtypes import dtype as DType
from ...dtypes import dtype_named
from ...registry import registry
from ..case import Case, Skipped
from ..close import TOLERANCE, assert_close, assert_equal, assert_rounded, assert_same
from ..subject import Array, Placed, Subject

__all__ = [
    "ALL",
    "COMPLEX",
    "FLOATS",
    "INTS",
    "LOW",
    "NUMBERS",
    "SHAPES",
    "built",
    "case",
    "describe",
    "distinct",
    "draw",
    "extremes",
    "info",
    "kind",
    "number",
    "result",
    "specials",
    "verify",
    "wide",
    "wrapped",
]

LOW = ("float16", "bfloat16")
FLOATS = (*LOW, "float32", "float64")
INTS = ("uint8", "int8", "int16", "int32", "int64")
COMPLEX = ("complex64", "complex128")
NUMBERS = (*INTS, *FLOATS, *COMPLEX)
ALL = ("bool", *NUMBERS)
SHAPES: tuple[tuple[int, ...], ...] = (
    (),
    (0,),
    (2, 0, 3),
    (1,),
    (7,),
    (3, 5),
    (2, 3, 4),
    (5, 67),
    (2, 1, 3, 1, 2, 2),
)


def case(op: str, dtype: str, theme: str, run: Callable[[Subject], None]) -> Case:
    """The case ``op/dtype/theme``; kernels of composites are L2 but for the contract's three."""
    composite = registry[op].kind == "composite" and op not in ("ne", "gt", "ge")
    return Case(f"{op}/{dtype}/{theme}", run, "L2" if composite else "L1", op, dtype)


def kind(dtype: str) -> np.dtype[Any]:
    """The NumPy dtype of that name, bfloat16 among them."""
    return dtype_named(dtype).numpy


def info(dtype: str) -> tuple[float, float]:
    """The largest and the smallest normal number of a floating or complex dtype."""
    import ml_dtypes

    limits = ml_dtypes.finfo(kind(dtype))  # type: ignore[no-untyped-call]  # it has no types
    return float(limits.max), float(limits.tiny)


def wide(a: Array) -> Array:
    """`a` as the oracle computes: float64, complex128, or Python integers (and bools)."""
    if a.dtype.kind in "biu":
        return a.astype(object)
    return a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)


def wrapped(values: Any, dtype: str) -> Array:
    """Python integers modulo the range of an integer `dtype`, as its hardware wraps them."""
    bits, signed = 8 * kind(dtype).itemsize, kind(dtype).kind == "i"
    flat = np.asarray(values, object)
    out = np.empty(flat.shape, kind(dtype))
    for place in np.ndindex(flat.shape):
        value = int(flat[place]) & ((1 << bits) - 1)
        out[place] = value - (1 << bits) if signed and value >> (bits - 1) else value
    return out


def number(dtype: str, value: Any) -> Any:
    """`value` as the Python number that core would give a kernel beside an array of `dtype`."""
    types: dict[str, Callable[[Any], Any]] = {"b": bool, "i": int, "u": int, "c": complex}
    return types.get(dtype_named(dtype).kind, float)(value)


def draw(
    subject: Subject, dtype: str, shape: tuple[int, ...], low: float = -4, high: float = 4
) -> Array:
    """Random values of `dtype` from `low` to `high`, in the floats a third of them halves.

    Unsigned integers begin at 0; complex numbers have both parts drawn.
    """
    rng, target = subject.rng, kind(dtype)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(target)
    if dtype in INTS:
        least = max(int(low), 0) if dtype == "uint8" else int(low)
        return np.asarray(rng.integers(least, int(high) + 1, shape)).astype(target)
    values = np.asarray(rng.uniform(low, high, shape))
    if dtype in COMPLEX:
        return np.asarray(values + 1j * rng.uniform(low, high, shape)).astype(target)
    halves = np.clip(np.round(values * 2) / 2, low, high)
    return np.asarray(np.where(rng.random(shape) < 0.3, halves, values)).astype(target)


def distinct(subject: Subject, dtype: str, shape: tuple[int, ...]) -> Array:
    """Values that tell places apart, and among them NaN, infinities and -0.0, or extreme integers.

    For kernels that move elements and must keep their bits.
    """
    size = int(np.prod(shape, dtype=np.int64))
    if dtype == "bool":
        return draw(subject, dtype, shape)
    count = np.arange(1, size + 1)
    if dtype in INTS:
        # An odd factor keeps them apart and fills all bits.
        flat = (count.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)).astype(kind(dtype))
    elif dtype in COMPLEX:
        flat = ((3 * count + 1 + 1j * subject.rng.random(size)) / 9).astype(kind(dtype))
    else:
        flat = ((3 * count + 1) / 9).astype(kind(dtype))
    odd = extremes(dtype) if dtype in INTS else specials(dtype)[:4]
    if size > 2 * len(odd):
        flat[subject.rng.choice(size, len(odd), replace=False)] = odd
    return flat.reshape(shape)


def extremes(dtype: str) -> Array:
    """The ends of an integer dtype's range, what is next to them and to 0, and 2 ** 53 + 1."""
    limits = np.iinfo(kind(dtype))
    values = {limits.min, limits.min + 1, 0, 1, 2, limits.max - 1, limits.max}
    if dtype != "uint8":
        values |= {-1, -2}
    if dtype == "int64":  # A detour through float64 would lose these.
        values |= {2**53, 2**53 + 1, -(2**53) - 1}
    return np.array(sorted(values), kind(dtype))


def specials(dtype: str) -> Array:
    """NaN, infinities, -0.0 first, then a few values around 0 and 1, and the largest."""
    nan, inf = float("nan"), float("inf")
    most = info(dtype)[0]
    if dtype in COMPLEX:
        values: list[complex] = [complex(nan, 1), complex(inf, -1), complex(-0.0, 0), 1j, 2 - 3j]
        return np.array(values, kind(dtype))
    plain = [nan, inf, -inf, -0.0, 0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.0, -2.0, 2.5, -2.5, 3.0]
    return np.array([*plain, most, -most], np.float64).astype(kind(dtype))


def built(
    shape: Iterable[int], dtype: np.dtype[Any], at: Callable[[tuple[int, ...]], Any]
) -> Array:
    """The array whose element at each place is ``at(place)``: an oracle that nobody vectorised."""
    out = np.empty(tuple(shape), dtype)
    for place in np.ndindex(out.shape):
        out[place] = at(place)
    return out


def _text(x: Any) -> str:
    if isinstance(x, Placed):
        return f"{x.layout} {_text(x.host)}".strip()
    if isinstance(x, np.ndarray):
        form = f"{x.dtype.name}{list(x.shape)}"
        return f"{form} {x.tolist()}" if x.size <= 4 else form
    if isinstance(x, (tuple, list)):
        return f"({', '.join(map(_text, x))})"
    return x.name if isinstance(x, DType) else repr(x)


def describe(op: str, args: Iterable[Any]) -> str:
    """A call for messages, such as ``sum(float16[3, 5], (0), False)``."""
    return f"{op}({', '.join(map(_text, args))})"


def result(subject: Subject, op: str, *args: Any) -> Any:
    """What the device's kernel gives; whatever it raises is reported with the call.

    A RuntimeWarning, as NumPy gives for overflows, is an error: PyTorch computes without a word.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            return subject.call(op, *args)
    except Skipped:
        raise
    except Exception as error:
        name = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
        raise AssertionError(f"{describe(op, args)}: {name}{error}") from error


def verify(
    subject: Subject,
    op: str,
    args: tuple[Any, ...],
    expected: Any,
    dtype: str = "",
    *,
    factor: float = 1.0,
    floor: float | Array = 1.0,
    bits: bool = False,
) -> None:
    """Run the device's kernel and compare: with `dtype` closely, without it exactly.

    `bits`: signs of zeros count. `factor` and `floor` are those of `assert_close`; a 16-bit result
    must be one of float32, itself that close, rounded once.
    """
    got, what = result(subject, op, *args), describe(op, args)
    assert isinstance(got, np.ndarray), f"{what}: gave {len(got)} results, expected one"
    if dtype in LOW:
        limit = TOLERANCE["float32"] * factor
        assert_rounded(got, np.asarray(expected, np.float64), dtype, what, limit * floor)
    elif dtype:
        assert_close(got, np.asarray(expected), dtype, what, factor, floor)
    elif bits:
        assert_same(got, np.asarray(expected), what)
    else:
        assert_equal(got, np.asarray(expected), what)
