"""Matrix products."""

from __future__ import annotations

from typing import Any

from dlf import dtypes
from dlf.xp.common import Array, Kernel
from dlf.xp.namespace import library

__all__ = ["kernels"]


def kernels(xp: Any) -> dict[str, Kernel]:
    """`matmul(a, b)`: (..., n, k) by (..., k, m), the leading dims broadcast."""
    lib = library(xp)
    multiply = lib["matmul"]

    def matmul(a: Array, b: Array) -> Array:
        dtype = lib.dtype(a)
        if dtype.itemsize == 2 and dtype.is_floating_point:
            wide = multiply(lib.astype(a, dtypes.float32), lib.astype(b, dtypes.float32))
            return lib.astype(wide, dtype)
        return multiply(a, b)

    return {"matmul": matmul}
