"""Kernels that make arrays: full, arange, cast, copy."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlf.xp.common import Array, Kernel

__all__ = ["kernels"]


def kernels(xp: Any) -> dict[str, Kernel]:
    """`index` is taken and ignored: a library of several devices overrides `full` and `arange`."""

    def full(shape: tuple[int, ...], value: Any, dtype: Any, index: int) -> Array:
        if not value and not (isinstance(value, float) and str(value).startswith("-")):
            return xp.zeros(shape, dtype.numpy)
        if isinstance(value, int) and dtype.numpy.kind in "iu":
            value = wrap_integer(value, dtype.numpy)
        return xp.full(shape, value, dtype.numpy)

    def arange(start: Any, step: Any, length: int, dtype: Any, index: int) -> Array:
        # As PyTorch does: start + k * step is rounded to the dtype once.
        exact = isinstance(start, int) and isinstance(step, int)
        steps = xp.arange(length, dtype=np.int64 if exact else np.float64)
        return (start + steps * step).astype(dtype.numpy)

    def cast(a: Array, dtype: Any) -> Array:
        target = dtype.numpy
        if a.dtype.kind == "c" and target.kind != "c":
            if target.kind == "b":
                return xp.asarray(a != 0)
            a = a.real
        if target.num == 0 and a.dtype.num != 0:
            return xp.asarray(a != 0)
        return a.astype(target)

    def copy(a: Array) -> Array:
        return xp.array(a, copy=True)

    return {"full": full, "arange": arange, "cast": cast, "copy": copy}


def wrap_integer(value: int, dtype: Any) -> int:
    """`value` modulo the range of an integer dtype, as a C cast and PyTorch wrap it."""
    bits = 8 * dtype.itemsize
    value &= (1 << bits) - 1
    return value - (1 << bits) if dtype.kind == "i" and value >> (bits - 1) else value
