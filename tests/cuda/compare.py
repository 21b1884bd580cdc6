"""Dtypes to test the CUDA kernels in, random inputs, and comparison with float64."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

__all__ = ["DTYPES", "IDS", "assert_close", "draw", "misaligned"]

Array = np.ndarray[Any, Any]

DTYPES: tuple[Any, ...] = (np.float32, np.float64, np.float16, ml_dtypes.bfloat16)
IDS = ("float32", "float64", "float16", "bfloat16")

# Twice the rounding of one result, and a few roundings of a float32 or float64 sum.
_TOLERANCE = {"float32": 2e-5, "float64": 1e-12, "float16": 2e-3, "bfloat16": 1.6e-2}


def draw(shape: tuple[int, ...], dtype: Any, seed: int = 0, scale: float = 1.0) -> Array:
    """Normal numbers times `scale`, rounded to `dtype`."""
    return np.asarray(np.random.default_rng(seed).standard_normal(shape) * scale).astype(dtype)


def misaligned(array: Array) -> Array:
    """A contiguous copy that starts one element behind a multiple of 16 bytes."""
    space = np.zeros(array.size + 64, array.dtype)
    ahead = -(space.__array_interface__["data"][0] // array.itemsize) % (16 // array.itemsize) + 1
    out = space[ahead : ahead + array.size].reshape(array.shape)
    out[...] = array
    return out


def assert_close(actual: Array, expected: Array, factor: float = 1.0) -> None:
    """`actual` has the shape of `expected`, which is float64, and its values within what the dtype
    of `actual` and its sums allow, times `factor`; NaN and infinities stand in the same places.
    """
    assert isinstance(actual, np.ndarray)
    bound = _TOLERANCE[actual.dtype.name] * factor
    with np.errstate(over="ignore"):
        rounded = expected.astype(actual.dtype)
    # What overflows the dtype is an infinity on both sides.
    wanted = np.where(np.isinf(rounded.astype(np.float64)), rounded.astype(np.float64), expected)
    np.testing.assert_allclose(actual.astype(np.float64), wanted, rtol=bound, atol=bound)
