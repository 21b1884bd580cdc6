"""Kernels along one dim that keep its length: running sums and products, and sorting."""

from __future__ import annotations

from typing import Any

from dlf import dtypes
from dlf.xp.common import Array, Kernel
from dlf.xp.namespace import library

__all__ = ["kernels"]


def kernels(xp: Any) -> dict[str, Kernel]:
    """A 0-d array counts as one element along dim 0."""
    lib = library(xp)
    xp = lib.xp

    def running(function: Kernel) -> Kernel:
        total = lib.in_dtype(function)

        def kernel(a: Array, dim: int) -> Array:
            return total(a, axis=dim) if a.shape else lib.copy(a)

        return lib.accurate(kernel)

    def sort(a: Array, dim: int, descending: bool, stable: bool) -> tuple[Array, Array]:
        """NaN counts as the greatest value."""
        if not a.shape:
            return lib.copy(a), lib.range(1, a)[0, ...]
        keys, dtype = a, lib.dtype(a)
        if dtype is dtypes.bool:
            keys = lib.astype(a, dtypes.uint8)
        elif dtype.itemsize == 2 and dtype.is_floating_point:
            keys = lib.astype(a, dtypes.float32)
        if descending:
            keys = xp.flip(keys, axis=dim)
        order = (lib.stable_argsort if stable else lib.argsort)(keys, dim)
        if descending:
            # Sorting flipped keys and flipping the order back keeps equals in their order.
            order = a.shape[dim] - 1 - xp.flip(order, axis=dim)
        order = lib.astype(order, dtypes.int64)
        return xp.take_along_axis(a, order, axis=dim), order

    return {
        "cumsum": running(lib["cumulative_sum"]),
        "cumprod": running(lib["cumulative_prod"]),
        "sort": sort,
    }
