"""Reductions over dims."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlf.xp.common import Array, Kernel, accurate, is_low

__all__ = ["kernels"]

Dims = tuple[int, ...]


def kernels(xp: Any) -> dict[str, Kernel]:
    """Results keep the input's dtype, but `any` and `all` (bool), `argmax` and `argmin` (int64).

    NaN wins in max, min, argmax and argmin; the first of equal elements is found.
    """

    def fold(function: Kernel) -> Kernel:
        def kernel(a: Array, dims: Dims, keepdim: bool) -> Array:
            return function(a, axis=dims, keepdims=keepdim)

        return kernel

    def summing(function: Kernel) -> Kernel:
        def kernel(a: Array, dims: Dims, keepdim: bool) -> Array:
            # The dtype is named because NumPy would sum small integers in int64.
            return function(a, axis=dims, dtype=a.dtype, keepdims=keepdim)

        return kernel

    def position(function: Kernel) -> Kernel:
        def kernel(a: Array, dim: int, keepdim: bool) -> Array:
            if is_low(a):
                a = a.astype(np.float32)
            if a.ndim == 0:
                return xp.zeros((), np.int64)
            return xp.asarray(function(a, axis=dim, keepdims=keepdim)).astype(np.int64, copy=False)

        return kernel

    def test(function: Kernel) -> Kernel:
        def kernel(a: Array, dims: Dims, keepdim: bool) -> Array:
            flags = a if a.dtype.kind == "b" else a != 0
            return xp.asarray(function(flags, axis=dims, keepdims=keepdim))

        return kernel

    return {
        "sum": accurate(xp, summing(xp.sum)),
        "prod": accurate(xp, summing(xp.prod)),
        "max": accurate(xp, fold(xp.max)),
        "min": accurate(xp, fold(xp.min)),
        "argmax": position(xp.argmax),
        "argmin": position(xp.argmin),
        "any": test(xp.any),
        "all": test(xp.all),
    }
