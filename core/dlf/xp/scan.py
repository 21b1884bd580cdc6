"""Kernels along one dim that keep its length: running sums and products, and sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlf.xp.common import Array, Kernel, accurate, is_low

__all__ = ["kernels"]


def kernels(xp: Any) -> dict[str, Kernel]:
    """A 0-d array counts as one element along dim 0."""

    def running(function: Kernel) -> Kernel:
        def kernel(a: Array, dim: int) -> Array:
            return a.copy() if a.ndim == 0 else function(a, axis=dim, dtype=a.dtype)

        return kernel

    def sort(a: Array, dim: int, descending: bool, stable: bool) -> tuple[Array, Array]:
        """NaN counts as the greatest value."""
        if a.ndim == 0:
            return a.copy(), xp.zeros((), np.int64)
        keys = a.astype(np.float32) if is_low(a) else a
        if descending:
            keys = xp.flip(keys, axis=dim)
        order = xp.argsort(keys, axis=dim, kind="stable" if stable else None)
        if descending:
            # Sorting flipped keys and flipping the order back keeps equals in their order.
            order = a.shape[dim] - 1 - xp.flip(order, axis=dim)
        return xp.take_along_axis(a, order, axis=dim), xp.asarray(order, dtype=np.int64)

    return {
        "cumsum": accurate(xp, running(xp.cumsum)),
        "cumprod": accurate(xp, running(xp.cumprod)),
        "sort": sort,
    }
