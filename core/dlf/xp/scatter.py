"""Kernels that read or write at places given by an integer array."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlf.xp.common import Array, Kernel, is_low

__all__ = ["kernels"]


def kernels(xp: Any) -> dict[str, Kernel]:
    """Duplicate places accumulate in the `_add` kernels; elsewhere the last write wins."""

    def crop(a: Array, index: Array, dim: int) -> Array:
        """The part of `a` that an index reaches: PyTorch lets it be smaller in the other dims."""
        return a[tuple(slice(None) if d == dim else slice(n) for d, n in enumerate(index.shape))]

    def places(index: Array, dim: int) -> tuple[Array, ...]:
        """One integer array per dim: `index` itself along `dim`, the position along the others."""
        full = []
        for d, n in enumerate(index.shape):
            shape = [1] * index.ndim
            shape[d] = n
            full.append(index if d == dim else xp.arange(n).reshape(shape))
        return tuple(full)

    def add_at(a: Array, where: tuple[Any, ...], src: Array) -> Array:
        if is_low(a):
            return add_at(a.astype(np.float32), where, src.astype(np.float32)).astype(a.dtype)
        out = a.copy()
        xp.add.at(out, where, src)
        return out

    def index_add(a: Array, index: Array, src: Array, dim: int) -> Array:
        if a.ndim == 0:
            return index_add(a.reshape(1), index, src.reshape(-1), 0).reshape(())
        return add_at(a, (slice(None),) * dim + (index,), src)

    def index_copy(a: Array, index: Array, src: Array, dim: int) -> Array:
        if a.ndim == 0:
            return index_copy(a.reshape(1), index, src.reshape(-1), 0).reshape(())
        out = a.copy()
        out[(slice(None),) * dim + (index,)] = src
        return out

    def gather(a: Array, index: Array, dim: int) -> Array:
        if a.ndim == 0 or index.ndim == 0:
            return xp.take(a.reshape(-1), index.reshape(-1)).reshape(index.shape)
        if index.size == 0:
            return xp.zeros(index.shape, a.dtype)
        return xp.take_along_axis(crop(a, index, dim), index, axis=dim)

    def scatter(a: Array, index: Array, src: Array, dim: int) -> Array:
        if a.ndim == 0:
            return scatter(a.reshape(1), index.reshape(-1), src.reshape(-1), 0).reshape(())
        out = a.copy()
        if index.size:
            out[places(index, dim)] = src[tuple(slice(n) for n in index.shape)]
        return out

    def scatter_add(a: Array, index: Array, src: Array, dim: int) -> Array:
        if a.ndim == 0:
            return scatter_add(a.reshape(1), index.reshape(-1), src.reshape(-1), 0).reshape(())
        if not index.size:
            return a.copy()
        return add_at(a, places(index, dim), src[tuple(slice(n) for n in index.shape)])

    return {
        "index_add": index_add,
        "index_copy": index_copy,
        "gather": gather,
        "scatter": scatter,
        "scatter_add": scatter_add,
    }
