"""What the kernel files share, and what a backend on NumPy's arrays uses beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

__all__ = ["BFLOAT16", "FLOAT16", "Array", "Kernel", "is_low"]

Array = Any
Kernel = Callable[..., Any]

FLOAT16 = np.dtype(np.float16)
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
_LOW = frozenset({FLOAT16.num, BFLOAT16.num})


def is_low(array: Array) -> bool:
    """Whether a NumPy array holds float16 or bfloat16, which are computed in float32."""
    return array.dtype.num in _LOW
