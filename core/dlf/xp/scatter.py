"""Kernels that read or write at places given by an integer array."""

from __future__ import annotations

import math
from typing import Any

from dlf import dtypes
from dlf.xp.common import Array, Kernel
from dlf.xp.namespace import library

__all__ = ["kernels"]


def kernels(xp: Any) -> dict[str, Kernel]:
    """Duplicate places accumulate in the `_add` kernels; elsewhere the last write wins."""
    lib = library(xp)
    xp, reshape, int64 = lib.xp, lib.reshape, lib.native[dtypes.int64]

    def crop(a: Array, index: Array, dim: int) -> Array:
        """The part of `a` that an index reaches: PyTorch lets it be smaller in the other dims."""
        return a[tuple(slice(None) if d == dim else slice(n) for d, n in enumerate(index.shape))]

    def places(index: Array, dim: int) -> tuple[Array, ...]:
        """One integer array per dim: `index` itself along `dim`, the position along the others."""
        full, beside = [], lib.beside(index)
        for d, n in enumerate(index.shape):
            if d == dim:
                full.append(index)
            else:
                shape = [1] * len(index.shape)
                shape[d] = n
                full.append(reshape(xp.arange(n, dtype=int64, **beside), tuple(shape)))
        return tuple(full)

    def add_at(a: Array, where: tuple[Any, ...], src: Array) -> Array:
        dtype = lib.dtype(a)
        if dtype.itemsize == 2 and dtype.is_floating_point:
            a, src = lib.astype(a, dtypes.float32), lib.astype(src, dtypes.float32)
        return lib.astype(lib.put_add(a, where, src), dtype)

    def along(write: Kernel) -> Kernel:
        """`write` at a 1-D index along a dim."""

        def kernel(a: Array, index: Array, src: Array, dim: int) -> Array:
            if not a.shape:
                return reshape(kernel(reshape(a, (1,)), index, reshape(src, (-1,)), 0), ())
            lib.check(index, a.shape[dim])
            return write(a, (slice(None),) * dim + (index,), src)

        return kernel

    def among(write: Kernel) -> Kernel:
        """`write` at an index of as many dims as there are."""

        def kernel(a: Array, index: Array, src: Array, dim: int) -> Array:
            if 0 in index.shape:
                return lib.copy(a)
            if not a.shape:
                a, index, src = (reshape(one, (-1,)) for one in (a, index, src))
                return reshape(kernel(a, index, src, 0), ())
            lib.check(index, a.shape[dim])
            return write(a, places(index, dim), src[tuple(slice(n) for n in index.shape)])

        return kernel

    def gather(a: Array, index: Array, dim: int) -> Array:
        shape = tuple(index.shape)
        if 0 in shape:
            return xp.zeros(shape, dtype=a.dtype, **lib.beside(a))
        if not a.shape or not shape:
            flat = reshape(index, (math.prod(shape),))
            lib.check(flat, math.prod(a.shape))
            return reshape(xp.take(reshape(a, (-1,)), flat, axis=0), shape)
        lib.check(index, a.shape[dim])
        return xp.take_along_axis(crop(a, index, dim), index, axis=dim)

    return {
        "index_add": along(add_at),
        "index_copy": along(lib.put),
        "gather": gather,
        "scatter": among(lib.put),
        "scatter_add": among(add_at),
    }
