"""Elementwise kernels of two arrays, of which one may be a Python scalar; and `where`."""

from __future__ import annotations

import math
from typing import Any

from dlf import dtypes
from dlf.xp.common import Array, Kernel
from dlf.xp.namespace import library

__all__ = ["kernels"]

# Name in the contract -> the standard's name.
_ARITHMETIC = {"add": "add", "sub": "subtract", "mul": "multiply", "div": "divide"}
_EXTREMA = {"maximum": "maximum", "minimum": "minimum"}
_ORDER = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}
_EXACT = {
    "eq": "equal",
    "ne": "not_equal",
    "bit_and": "bitwise_and",
    "bit_or": "bitwise_or",
    "bit_xor": "bitwise_xor",
    "shl": "bitwise_left_shift",
    "shr": "bitwise_right_shift",
}


def kernels(xp: Any) -> dict[str, Kernel]:
    """Comparisons give bool; integers wrap; integer division by zero raises as PyTorch's does."""
    lib = library(xp)
    xp, array = lib.xp, lib.array
    power_of, floor_divide, remainder = lib["pow"], lib["floor_divide"], lib["remainder"]
    abs_of = lib["abs"]

    def one_of(a: Any, b: Any) -> Array:
        """The operand that is an array."""
        return a if hasattr(a, "dtype") else b

    def wide(value: Any, beside: Array) -> Any:
        if hasattr(value, "dtype"):
            return lib.astype(value, dtypes.float32)
        if lib.takes_scalars:
            return value
        return xp.asarray(value, dtype=lib.native[dtypes.float32], **lib.beside(beside))

    def rounded(function: Kernel, wide_scalars: bool = False) -> Kernel:
        def kernel(a: Any, b: Any) -> Array:
            beside = one_of(a, b)
            dtype = lib.dtype(beside)
            if dtype.itemsize == 2 and dtype.is_floating_point:
                if not wide_scalars:
                    a = a if hasattr(a, "dtype") else lib.constant(a, beside)
                    b = b if hasattr(b, "dtype") else lib.constant(b, beside)
                return lib.astype(array(function(wide(a, beside), wide(b, beside))), dtype)
            return array(function(lib.operand(a, beside), lib.operand(b, beside)))

        return kernel

    def exact(function: Kernel) -> Kernel:
        def kernel(a: Any, b: Any) -> Array:
            beside = one_of(a, b)
            return array(function(lib.operand(a, beside), lib.operand(b, beside)))

        return kernel

    def of_bools(kernel: Kernel, keeps: bool) -> Kernel:
        """`kernel` for libraries that do not add and order bools, which are numbers then."""
        if lib.computes_bools:
            return kernel

        def numeric(value: Any) -> Any:
            return lib.astype(value, dtypes.uint8) if hasattr(value, "dtype") else int(value)

        def chosen(a: Any, b: Any) -> Array:
            if lib.dtype(one_of(a, b)) is not dtypes.bool:
                return kernel(a, b)
            result = kernel(numeric(a), numeric(b))
            return result != 0 if keeps else result

        return chosen

    def integer_safe(function: Kernel) -> Kernel:
        def kernel(a: Any, b: Any) -> Array:
            if lib.dtype(one_of(a, b)).kind in "iu" and not (
                bool(xp.all(b != 0)) if hasattr(b, "dtype") else b
            ):
                raise RuntimeError("ZeroDivisionError")
            return function(a, b)

        return kernel

    def power(a: Any, b: Any) -> Array:
        if not hasattr(a, "dtype"):
            a = lib.constant(a, b)  # Some libraries give a number to a power another dtype.
        if lib.dtype(one_of(a, b)).kind != "i":
            return power_of(a, b)
        if not (bool(xp.any(b < 0)) if hasattr(b, "dtype") else b < 0):
            return power_of(a, b)
        # 1 / n truncates to 0, but for n = 1 and n = -1.
        a, b = (v if hasattr(v, "dtype") else lib.constant(v, one_of(a, b)) for v in (a, b))
        positive = power_of(a, xp.where(b < 0, -b, b))
        return xp.where((b >= 0) | (a == 1) | (a == -1), positive, lib.constant(0, a))

    def exact_floor(a: Any, b: Any) -> Array:
        """`floor_divide` of floats by the remainder, rounded once."""
        a, b = (v if hasattr(v, "dtype") else lib.constant(v, one_of(a, b)) for v in (a, b))
        if lib.dtype(a).kind != "f":
            return floor_divide(a, b)
        quotient = a / b
        whole = (a - remainder(a, b)) / b
        below = xp.floor(whole)
        result = below + xp.where(whole - below > 0.5, one(a), one(a) * 0)
        # An infinite divisor leaves 0 or, of the other sign, -1, and no remainder to go by.
        infinite = (abs_of(b) == math.inf) & (abs_of(a) < math.inf)
        apart = ((a < 0) & (b > 0)) | ((a > 0) & (b < 0))
        result = xp.where(infinite, xp.where(apart, -one(a), one(a) * 0), result)
        result = xp.where(result == 0, quotient * 0, result)  # With the sign of the quotient.
        return xp.where(b == 0, quotient, result)

    def one(beside: Array) -> Array:
        return lib.constant(1, beside)

    def where(condition: Array, a: Any, b: Any) -> Array:
        beside = one_of(a, b)
        return array(xp.where(condition, lib.operand(a, beside), lib.operand(b, beside)))

    table: dict[str, Kernel] = {"where": where, "pow": rounded(power)}
    for name, source in _ARITHMETIC.items():
        # PyTorch, too, keeps a scalar beside a 16-bit array in float32 in these, and in these only.
        table[name] = of_bools(rounded(lib[source], wide_scalars=True), keeps=True)
    table["atan2"] = rounded(lib["atan2"])
    for name, source in _EXACT.items():
        table[name] = exact(lib[source])
    for name, source in (_EXTREMA | _ORDER).items():
        table[name] = of_bools(exact(lib[source]), keeps=name in _EXTREMA)
    table["floordiv"] = rounded(integer_safe(floor_divide if lib.floors else exact_floor))
    table["mod"] = rounded(integer_safe(remainder))
    return table
