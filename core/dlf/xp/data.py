"""Kernels that make arrays: full, arange, cast, copy."""

from __future__ import annotations

from typing import Any

from dlf import dtypes
from dlf.xp.common import Array, Kernel
from dlf.xp.namespace import library, wrap_integer

__all__ = ["kernels", "wrap_integer"]


def kernels(xp: Any) -> dict[str, Kernel]:
    """`full` and `arange` make their array on device `index`, where the library is told of them."""
    lib = library(xp)
    xp = lib.xp
    real, native, known, convert = lib.find("real"), lib.native, lib.known, lib.convert

    def full(shape: tuple[int, ...], value: Any, dtype: Any, index: int) -> Array:
        if not value and not (isinstance(value, float) and str(value).startswith("-")):
            return xp.zeros(shape, dtype=native[dtype], **lib.at(index))
        if isinstance(value, int) and dtype.kind in "iu":
            value = wrap_integer(value, dtype)
        if lib.numpy_like:
            return xp.full(shape, value, dtype=native[dtype], **lib.at(index))
        return lib.filled(shape, value, native[dtype], **lib.at(index))

    def arange(start: Any, step: Any, length: int, dtype: Any, index: int) -> Array:
        # As PyTorch does: start + k * step is rounded to the dtype once.
        exact = isinstance(start, int) and isinstance(step, int)
        kind = dtypes.int64 if exact else lib.widest
        steps = xp.arange(length, dtype=native[kind], **lib.at(index))
        return lib.astype(start + steps * step, dtype)

    def cast(a: Array, dtype: Any) -> Array:
        source = known[a.dtype]
        if source is dtype:
            return lib.copy(a)
        if dtype.kind == "b":
            return lib.array(a != 0)
        if source.kind == "c" and dtype.kind != "c" and real is not None:
            a = real(a)
        return convert(a, native[dtype])

    return {"full": full, "arange": arange, "cast": cast, "copy": lib.copy}
