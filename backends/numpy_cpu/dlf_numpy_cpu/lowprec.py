"""float16 and bfloat16 through float32."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from dlf.xp.common import is_low
from dlf_numpy_cpu.quiet import quiet

__all__ = ["rounded", "through_float32"]

rounded = quiet(np.ndarray.astype)
"""``rounded(array, dtype)``: what is beyond the dtype becomes infinite, without a warning."""


def through_float32(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """`kernel` with 16-bit floats widened on the way in and rounded on the way out."""

    def widen(value: Any) -> Any:
        return (
            value.astype(np.float32) if isinstance(value, np.ndarray) and is_low(value) else value
        )

    @functools.wraps(kernel)
    def wide(*args: Any) -> Any:
        first = args[0]
        if not is_low(first):
            return kernel(*args)

        def narrow(value: Any) -> Any:
            return rounded(value, first.dtype) if value.dtype == np.float32 else value

        result = kernel(*[widen(value) for value in args])
        return tuple(map(narrow, result)) if isinstance(result, tuple) else narrow(result)

    return wide
