"""Kernels for arrays without elements, by their shapes alone.

Array libraries refuse them, or give what was not written, where NumPy gives the identity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dlf import dtypes
from dlf.xp.common import Array, Kernel
from dlf.xp.namespace import Library

__all__ = ["guards"]

Dims = tuple[int, ...]
Guard = Callable[[Kernel], Kernel]

_TOTALS = {"sum": 0, "prod": 1, "any": 0, "all": 1}


def guards(lib: Library) -> dict[str, Guard]:
    """By name of a kernel: what makes of it one that answers for empty arrays itself."""

    def made(shape: Dims, value: Any, like: Array, dtype: dtypes.dtype | None = None) -> Array:
        native = like.dtype if dtype is None else lib.native[dtype]
        return lib.filled(shape, value, native, **lib.beside(like))

    def reduction(name: str) -> Guard:
        value, dtype = _TOTALS.get(name), dtypes.bool if name in ("any", "all") else None

        def guard(kernel: Kernel) -> Kernel:
            def guarded(a: Array, dims: Dims, keepdim: bool) -> Array:
                if 0 not in a.shape:
                    return kernel(a, dims, keepdim)
                shape = _reduced(a.shape, dims, keepdim)
                if value is None and 0 not in shape:
                    return kernel(a, dims, keepdim)  # Nothing has no greatest element.
                return made(shape, value or 0, a, dtype)

            return guarded

        return guard

    def position(kernel: Kernel) -> Kernel:
        def guarded(a: Array, dim: int, keepdim: bool) -> Array:
            shape = _reduced(a.shape, (dim,), keepdim)
            return made(shape, 0, a, dtypes.int64) if 0 in shape else kernel(a, dim, keepdim)

        return guarded

    def unchanged(kernel: Kernel) -> Kernel:
        def guarded(a: Array, *rest: Any) -> Array:
            return lib.copy(a) if 0 in a.shape else kernel(a, *rest)

        return guarded

    def sort(kernel: Kernel) -> Kernel:
        def guarded(a: Array, *rest: Any) -> Any:
            if 0 in a.shape:
                return lib.copy(a), made(tuple(a.shape), 0, a, dtypes.int64)
            return kernel(a, *rest)

        return guarded

    def take(kernel: Kernel) -> Kernel:
        def guarded(a: Array, index: Array, dim: int) -> Array:
            if 0 not in a.shape and 0 not in index.shape:
                return kernel(a, index, dim)
            check(index, a.shape[dim])
            shape = (*a.shape[:dim], *index.shape, *a.shape[dim + 1 :])
            return made(shape, 0, a)

        return guarded

    def write(kernel: Kernel) -> Kernel:
        def guarded(a: Array, index: Array, src: Array, dim: int) -> Array:
            if 0 not in a.shape and 0 not in index.shape and 0 not in src.shape:
                return kernel(a, index, src, dim)
            if a.shape:
                check(index, a.shape[dim])
            return lib.copy(a)

        return guarded

    def check(index: Array, size: int) -> None:
        """What the library, which is not asked, does or leaves to `Library.check`."""
        if size == 0 or lib.strict:
            lib.refuse(index, size)

    def slice_set(kernel: Kernel) -> Kernel:
        def guarded(a: Array, src: Array, starts: Dims, steps: Dims, sizes: Dims) -> Array:
            return lib.copy(a) if 0 in sizes else kernel(a, src, starts, steps, sizes)

        return guarded

    def pad(kernel: Kernel) -> Kernel:
        def guarded(a: Array, widths: tuple[tuple[int, int], ...], value: Any) -> Array:
            shape = tuple(n + lo + hi for n, (lo, hi) in zip(a.shape, widths, strict=True))
            inner = [
                n + min(lo, 0) + min(hi, 0) for n, (lo, hi) in zip(a.shape, widths, strict=True)
            ]
            return made(shape, value, a) if min(inner, default=1) <= 0 else kernel(a, widths, value)

        return guarded

    def matmul(kernel: Kernel) -> Kernel:
        def guarded(a: Array, b: Array) -> Array:
            if 0 not in a.shape and 0 not in b.shape:
                return kernel(a, b)
            batch = _broadcast(tuple(a.shape[:-2]), tuple(b.shape[:-2]))
            return made((*batch, a.shape[-2], b.shape[-1]), 0, a)

        return guarded

    table: dict[str, Guard] = {name: reduction(name) for name in (*_TOTALS, "max", "min")}
    table |= dict.fromkeys(("argmax", "argmin"), position)
    table |= dict.fromkeys(("cumsum", "cumprod", "erf", "erfinv", "lgamma", "digamma"), unchanged)
    table |= dict.fromkeys(("index_add", "index_copy", "scatter", "scatter_add"), write)
    return table | {
        "matmul": matmul,
        "pad": pad,
        "slice_set": slice_set,
        "sort": sort,
        "take": take,
    }


def _reduced(shape: Dims, dims: Dims, keepdim: bool) -> Dims:
    if keepdim:
        return tuple(1 if d in dims else n for d, n in enumerate(shape))
    return tuple(n for d, n in enumerate(shape) if d not in dims)


def _broadcast(a: Dims, b: Dims) -> Dims:
    """The shape that two broadcast to; a size of 1 gives way, to 0 too."""
    longest = max(len(a), len(b))
    a, b = (1,) * (longest - len(a)) + a, (1,) * (longest - len(b)) + b
    return tuple(n if m == 1 else m for n, m in zip(a, b, strict=True))
