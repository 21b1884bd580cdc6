"""Adding at places given by an index, for the dtypes that CuPy's atomics do not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dlf_cupy_gpu import lazy

__all__ = ["adder"]

Array = Any
Index = tuple[Any, ...]

_INT32 = np.dtype(np.int32)
# Atomics of these are there in every CuPy; int64 came later, and has uint64's bits.
_ATOMIC = frozenset(map(np.dtype, ("int32", "uint32", "uint64", "float32", "float64")))


def adder() -> Callable[[Array, Index, Array], Array]:
    """``put_add`` of `dlf.xp.Library`: a copy of an array with another added at an index."""
    cupy = lazy.cupy()

    def put_add(a: Array, index: Index, src: Array) -> Array:
        dtype = a.dtype
        if dtype in _ATOMIC:
            out = a.copy()
            cupy.add.at(out, index, src)
            return out
        if dtype.kind == "c":
            # Their parts are numbers of their own, in a further dimension at the end.
            return _complex(put_add(_parts(a), index, _parts(src)), dtype)
        if dtype == np.int64:
            return put_add(a.view(np.uint64), index, src.astype(np.uint64)).view(dtype)
        # Small integers wrap around in the end as they would have at each step.
        total = put_add(a.astype(_INT32), index, src.astype(_INT32))
        return total != 0 if dtype.kind == "b" else total.astype(dtype)

    return put_add


def _parts(a: Array) -> Array:
    real = np.dtype(f"f{a.dtype.itemsize // 2}")
    return lazy.cupy().ascontiguousarray(a).view(real).reshape(*a.shape, 2)


def _complex(parts: Array, dtype: Any) -> Array:
    return lazy.cupy().ascontiguousarray(parts).view(dtype).reshape(parts.shape[:-1])
