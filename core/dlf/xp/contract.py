"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlf.xp.common import Array, Kernel, is_low

__all__ = ["kernels"]


def kernels(xp: Any) -> dict[str, Kernel]:
    """`matmul(a, b)`: (..., n, k) by (..., k, m), the leading dims broadcast."""

    def matmul(a: Array, b: Array) -> Array:
        if is_low(a):
            return xp.matmul(a.astype(np.float32), b.astype(np.float32)).astype(a.dtype)
        return xp.matmul(a, b)

    return {"matmul": matmul}
