"""What the kernel files share: scalars, 0-d results and the float32 detour of the 16-bit floats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

__all__ = ["BFLOAT16", "FLOAT16", "Array", "Kernel", "accurate", "dtype_of", "is_low", "wrapped"]

Array = Any
Kernel = Callable[..., Any]

FLOAT16 = np.dtype(np.float16)
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
_LOW = frozenset({FLOAT16.num, BFLOAT16.num})


def is_low(array: Array) -> bool:
    """Whether `array` holds float16 or bfloat16, which are computed in float32."""
    return array.dtype.num in _LOW


def wrapped(xp: Any, function: Kernel) -> Kernel:
    """`function` with its result made an array where the library gives a scalar."""
    asarray = xp.asarray

    def kernel(*args: Any) -> Array:
        return asarray(function(*args))

    return kernel


def accurate(xp: Any, function: Kernel) -> Kernel:
    """`function(array, *rest)`, in float32 for 16-bit floats and rounded once; never a scalar."""
    asarray = xp.asarray

    def kernel(array: Array, *rest: Any) -> Array:
        if array.dtype.num in _LOW:
            return asarray(function(array.astype(np.float32), *rest)).astype(array.dtype)
        return asarray(function(array, *rest))

    return kernel


def dtype_of(a: Any, b: Any) -> Any:
    """The dtype of a pair of operands, of which one may be a Python scalar."""
    return a.dtype if hasattr(a, "dtype") else b.dtype
