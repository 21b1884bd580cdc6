"""Reductions over dims."""

from __future__ import annotations

from typing import Any

from dlf import dtypes
from dlf.xp.common import Array, Kernel
from dlf.xp.namespace import library

__all__ = ["kernels"]

Dims = tuple[int, ...]

_BLOCK = 128


def kernels(xp: Any) -> dict[str, Kernel]:
    """Results keep the input's dtype, but `any` and `all` (bool), `argmax` and `argmin` (int64).

    NaN wins in max, min, argmax and argmin; the first of equal elements is found.
    """
    lib = library(xp)

    def extremum(function: Kernel, of_bools: Kernel) -> Kernel:
        def kernel(a: Array, dims: Dims, keepdim: bool) -> Array:
            if not dims:
                return lib.copy(a)
            if lib.dtype(a) is dtypes.bool:
                return of_bools(a, axis=dims, keepdims=keepdim)
            return function(a, axis=dims, keepdims=keepdim)

        return lib.accurate(kernel)

    def folded(function: Kernel) -> Kernel:
        total = lib.in_dtype(function)

        def kernel(a: Array, dims: Dims, keepdim: bool) -> Array:
            if not dims:
                return lib.copy(a)
            return total(a, axis=dims, keepdims=keepdim)

        return kernel

    plain_sum = folded(lib["sum"])

    def sum_in_blocks(a: Array, dims: Dims, keepdim: bool) -> Array:
        """Sums of blocks, then their sum: the error grows with the block, not with the length."""
        long = [d for d in dims if a.shape[d] > _BLOCK]
        if not long or lib.dtype(a).kind not in "fc":
            return plain_sum(a, dims, keepdim)
        d = long[0]
        before, n, after = tuple(a.shape[:d]), a.shape[d], tuple(a.shape[d + 1 :])
        everything = (slice(None),) * d
        whole = n - n % _BLOCK
        blocks = lib.reshape(a[(*everything, slice(0, whole), ...)], (*before, -1, _BLOCK, *after))
        sums = plain_sum(blocks, (d + 1,), False)
        if whole < n:
            tail = plain_sum(a[(*everything, slice(whole, n), ...)], (d,), True)
            sums = lib["concat"]((sums, tail), axis=d)
        return sum_in_blocks(sums, dims, keepdim)

    def position(function: Kernel) -> Kernel:
        def kernel(a: Array, dim: int, keepdim: bool) -> Array:
            dtype = lib.dtype(a)
            if not a.shape:
                return lib.range(1, a)[0, ...]
            if dtype is dtypes.bool:
                a = lib.astype(a, dtypes.uint8)
            elif dtype.itemsize == 2 and dtype.is_floating_point:
                a = lib.astype(a, dtypes.float32)
            return lib.astype(lib.array(function(a, axis=dim, keepdims=keepdim)), dtypes.int64)

        return kernel

    def test(function: Kernel) -> Kernel:
        def kernel(a: Array, dims: Dims, keepdim: bool) -> Array:
            flags = a if lib.dtype(a) is dtypes.bool else lib.array(a != 0)
            return lib.array(function(flags, axis=dims, keepdims=keepdim)) if dims else flags

        return kernel

    return {
        "sum": lib.accurate(sum_in_blocks if lib.sums_in_order else plain_sum),
        "prod": lib.accurate(folded(lib["prod"])),
        "max": extremum(lib["max"], lib["any"]),
        "min": extremum(lib["min"], lib["all"]),
        "argmax": position(lib["argmax"]),
        "argmin": position(lib["argmin"]),
        "any": test(lib["any"]),
        "all": test(lib["all"]),
    }
