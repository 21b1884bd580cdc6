"""What is found of an array namespace by trying, when its `Library` is made.

The trials are few, one of each kind: a library that compiles takes its time for each.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dlf import dtypes

if TYPE_CHECKING:
    from dlf.xp.namespace import Library

__all__ = [
    "bools",
    "floors",
    "index",
    "products",
    "scalars",
    "silence",
    "sums_in_order",
    "works",
]


def works(attempt: Callable[[], Any]) -> bool:
    """Whether `attempt()` comes to something other than False, and does not raise."""
    try:
        return attempt() is not False
    except Exception:
        return False


def scalars(lib: Library) -> bool:
    """Whether a Python number beside an array takes the array's dtype."""
    xp = lib.xp
    small = xp.asarray([1], dtype=lib.native[dtypes.int8])
    single = xp.asarray([1.0], dtype=lib.native[dtypes.float32])
    tried = [lib["maximum"](small, 2), lib["bitwise_and"](2, small), small]
    floating = [lib["atan2"](single, 2.5), xp.where(small > 0, single, 2.5)]
    return all(a.dtype == small.dtype for a in tried) and all(
        a.dtype == single.dtype for a in floating
    )


def bools(lib: Library) -> bool:
    """Whether bools are ordered, and added without becoming numbers."""
    flag = lib.xp.asarray([True], dtype=lib.native[dtypes.bool])
    lib.xp.less(flag, flag)
    return bool(lib.xp.add(flag, flag).dtype == flag.dtype)


def sums_in_order(lib: Library) -> bool:
    """Whether the error of a long sum shows that it was added up in order."""
    rows, dtype = 1 << 14, lib.native[dtypes.float32]
    total = lib.xp.sum(lib.xp.full((rows, 2), 0.1, dtype=dtype), axis=0)
    return abs(float(total[0]) / (0.1 * rows) - 1.0) > 2e-6


def silence(lib: Library) -> None:
    """A warning that becomes an error, where the library warns of an infinity."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lib.xp.log(lib.zeros((1,)))


def index(lib: Library) -> None:
    """An error, where a place that does not exist cannot be looked up."""
    place = lib.xp.asarray([7], dtype=lib.native[dtypes.int64])
    lib.xp.take(lib.zeros((1,)), place, axis=0)


def floors(lib: Library) -> bool:
    """Whether quotients are rounded down before they are rounded to a float, as PyTorch's are."""
    dtype = lib.native[dtypes.float32]
    a = lib.xp.asarray([1.0, math.inf, -1.0], dtype=dtype)
    b = lib.xp.asarray([0.1, 2.0, math.inf], dtype=dtype)
    tenth, infinite, small = lib["floor_divide"](a, b)
    return float(tenth) == 9.0 and math.isnan(float(infinite)) and float(small) == -1.0


def products(lib: Library) -> frozenset[str]:
    """Names of the dtypes whose matrices are multiplied; 16-bit floats are in float32."""
    if lib.numpy_like:
        return frozenset(dtype.name for dtype in lib.native)

    def multiplies(dtype: dtypes.dtype) -> bool:
        low = dtype.itemsize == 2 and dtype.is_floating_point
        a = lib.zeros((1, 1), lib.native[dtypes.float32 if low else dtype])
        return bool(lib["matmul"](a, a)[0, 0] == 0)

    return frozenset(d.name for d in lib.native if works(lambda: multiplies(d)))  # noqa: B023 # now
