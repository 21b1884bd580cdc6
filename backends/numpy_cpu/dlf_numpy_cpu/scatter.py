"""Accumulating kernels over flat places, where `add.at` is five times faster than over dims."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dlf_numpy_cpu.lowprec import through_float32
from dlf_numpy_cpu.quiet import quiet

__all__ = ["kernels"]

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]


def _checked(index: Ints, size: int) -> Ints:
    # Places out of range of one dim would be valid flat places of another row.
    if index.size and (index.min() < 0 or index.max() >= size):
        raise IndexError(f"index out of range in self: indices must lie in [0, {size})")
    return index


def index_add(a: Array, index: Ints, src: Array, dim: int) -> Array:
    """`src` added to `a` at `index` along `dim`; places that come twice are added twice."""
    out = np.array(a, order="C")
    if out.ndim == 0:
        np.add.at(out.reshape(1), _checked(index, 1), src.reshape(-1))
        return out
    size, inner = out.shape[dim], math.prod(out.shape[dim + 1 :])
    outer = math.prod(out.shape[:dim])
    rows = np.arange(outer)[:, None] * size + _checked(index, size)
    places = rows[:, :, None] * inner + np.arange(inner)
    np.add.at(out.reshape(-1), places.reshape(-1), src.reshape(-1))
    return out


def scatter_add(a: Array, index: Ints, src: Array, dim: int) -> Array:
    """`src` added to `a` at `index` along `dim`, and at its own place along the others."""
    out = np.array(a, order="C")
    if not index.size:
        return out
    if out.ndim == 0:
        np.add.at(out.reshape(1), _checked(index.reshape(-1), 1), src.reshape(-1))
        return out
    places = np.zeros(index.shape, np.int64)
    stride = 1
    for d in reversed(range(out.ndim)):
        along = [1] * out.ndim
        along[d] = index.shape[d]
        place = (
            _checked(index, out.shape[d]) if d == dim else np.arange(index.shape[d]).reshape(along)
        )
        places += place * stride
        stride *= out.shape[d]
    values = src[tuple(slice(n) for n in index.shape)]
    np.add.at(out.reshape(-1), places.reshape(-1), values.reshape(-1))
    return out


def kernels() -> dict[str, Callable[..., Any]]:
    """Kernel by name."""
    return {k.__name__: through_float32(quiet(k)) for k in (index_add, scatter_add)}
