"""Elementwise kernels of one array."""

from __future__ import annotations

from typing import Any

from dlf import dtypes
from dlf.xp.common import Array, Kernel
from dlf.xp.namespace import library

__all__ = ["is_rounded", "kernels"]

# Functions that round their result, by the standard's names.
_ROUNDED = frozenset(
    (
        "exp expm1 log log1p log2 log10 sqrt sin cos tan asin acos atan sinh cosh tanh "
        "asinh acosh atanh"
    ).split()
)
_TESTS = ("isnan", "isinf", "isfinite")
# Integers and bools pass through these unchanged.
_TO_INTEGRAL = ("floor", "ceil", "trunc", "round")
# Those that are made of several functions, here and in `special`.
_COMPOSED = frozenset("exp2 reciprocal rsqrt sigmoid square erf erfinv lgamma digamma".split())


def is_rounded(name: str) -> bool:
    """Whether the kernel `name` is one of a single array that computes 16-bit floats in float32."""
    return name in _ROUNDED or name in _COMPOSED


def kernels(xp: Any) -> dict[str, Kernel]:
    """NaN and infinity follow IEEE 754; `round` rounds halves to even."""
    lib = library(xp)
    xp, array = lib.xp, lib.array
    magnitude = lib["abs"]

    def integral(function: Kernel) -> Kernel:
        def kernel(a: Array) -> Array:
            return lib.copy(a) if lib.dtype(a).kind in "biu" else array(function(a))

        return kernel

    def tests(name: str, function: Kernel) -> Kernel:
        def kernel(a: Array) -> Array:
            if lib.dtype(a).kind in "biu":
                return array(a == a) if name == "isfinite" else array(a != a)
            return array(function(a))

        return kernel

    def negative(a: Array) -> Array:
        return array(-a)

    def absolute(a: Array) -> Array:
        return lib.copy(a) if lib.dtype(a).kind in "bu" else array(magnitude(a))

    def sign(a: Array) -> Array:
        dtype = lib.dtype(a)
        if dtype.kind == "b":
            return lib.copy(a)
        if dtype.kind == "u":
            return lib.astype(array(a != 0), dtype)
        if dtype.kind == "c":
            zero = a == 0
            return array(xp.where(zero, a, a / xp.where(zero, magnitude(a) + 1, magnitude(a))))
        # Unlike the standard's, PyTorch's sign of NaN is 0.
        above, below = lib.astype(array(a > 0), dtype), lib.astype(array(a < 0), dtype)
        return array(above - below)

    def logical_not(a: Array) -> Array:
        return array(xp.logical_not(a) if lib.dtype(a) is dtypes.bool else a == 0)

    def power_of_two(a: Array) -> Array:
        return lib["pow"](lib.operand(2.0, a), a)

    def reciprocal(a: Array) -> Array:
        return 1.0 / a

    def rsqrt(a: Array) -> Array:
        return 1.0 / xp.sqrt(a)

    def sigmoid(a: Array) -> Array:
        return 1.0 / (1.0 + xp.exp(-a))

    def relu(a: Array) -> Array:
        return array(xp.maximum(a, lib.operand(0, a)))

    table: dict[str, Kernel] = {
        "neg": negative,
        "abs": absolute,
        "sign": sign,
        "relu": relu,
        "logical_not": logical_not,
        "square": lib.accurate(lambda a: a * a),
    }
    for name in _ROUNDED:
        table[name] = lib.accurate(lib[name])
    for name in _TESTS:
        table[name] = tests(name, lib[name])
    for name in _TO_INTEGRAL:
        table[name] = integral(lib[name])
    table["exp2"] = lib.accurate(lib.find("exp2") or power_of_two)
    for rounded in (reciprocal, rsqrt, sigmoid):
        table[rounded.__name__] = lib.accurate(rounded)
    return table
