"""Elementwise kernels of two arrays, of which one may be a Python scalar; and `where`."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlf.xp.common import Array, Kernel, dtype_of, is_low
from dlf.xp.data import wrap_integer

__all__ = ["kernels"]

_ROUNDED = {"add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "atan2": "arctan2"}
_EXACT = {
    "maximum": "maximum",
    "minimum": "minimum",
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "bit_and": "bitwise_and",
    "bit_or": "bitwise_or",
    "bit_xor": "bitwise_xor",
    "shl": "left_shift",
    "shr": "right_shift",
}


def kernels(xp: Any) -> dict[str, Kernel]:
    """Comparisons give bool; integers wrap; integer division by zero raises as PyTorch's does."""

    def fitted(value: Any, dtype: Any) -> Any:
        """A Python scalar as an operand beside an array of `dtype`; an array as it is."""
        if hasattr(value, "dtype"):
            return value
        if dtype.kind in "iu" and isinstance(value, int):
            value = wrap_integer(value, dtype)
        return xp.asarray(value, dtype=dtype)

    def widened(value: Any) -> Any:
        return (
            value.astype(np.float32)
            if hasattr(value, "dtype")
            else xp.asarray(value, dtype=np.float32)
        )

    def rounded(function: Kernel, wide_scalars: bool = False) -> Kernel:
        def kernel(a: Any, b: Any) -> Array:
            dtype = dtype_of(a, b)
            if is_low(a if hasattr(a, "dtype") else b):
                if not wide_scalars:
                    a, b = fitted(a, dtype), fitted(b, dtype)
                return xp.asarray(function(widened(a), widened(b))).astype(dtype)
            return xp.asarray(function(fitted(a, dtype), fitted(b, dtype)))

        return kernel

    def exact(function: Kernel) -> Kernel:
        def kernel(a: Any, b: Any) -> Array:
            dtype = dtype_of(a, b)
            return xp.asarray(function(fitted(a, dtype), fitted(b, dtype)))

        return kernel

    def integer_safe(function: Kernel) -> Kernel:
        def kernel(a: Array, b: Array) -> Array:
            if a.dtype.kind in "iu" and not xp.all(b):
                raise RuntimeError("ZeroDivisionError")
            return function(a, b)

        return kernel

    def power(a: Array, b: Array) -> Array:
        if a.dtype.kind != "i" or not xp.any(b < 0):
            return xp.power(a, b)
        # 1 / n truncates to 0, but for n = 1 and n = -1.
        positive = xp.power(a, xp.where(b < 0, -b, b))
        return xp.where((b >= 0) | (a == 1) | (a == -1), positive, xp.zeros((), a.dtype))

    def where(condition: Array, a: Any, b: Any) -> Array:
        dtype = dtype_of(a, b)
        return xp.asarray(xp.where(condition, fitted(a, dtype), fitted(b, dtype)))

    table: dict[str, Kernel] = {"where": where, "pow": rounded(power)}
    for name, source in _ROUNDED.items():
        # PyTorch, too, keeps a scalar beside a 16-bit array in float32 in these, and in these only.
        table[name] = rounded(getattr(xp, source), wide_scalars=name != "atan2")
    for name, source in _EXACT.items():
        table[name] = exact(getattr(xp, source))
    table["floordiv"] = rounded(integer_safe(xp.floor_divide))
    table["mod"] = rounded(integer_safe(xp.remainder))
    return table
