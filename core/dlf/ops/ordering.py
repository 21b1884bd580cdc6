"""Sorting, and what is found by it."""

from __future__ import annotations

import math
from typing import Any

from .. import dtypes
from ..registry import primitive
from ..tensor import Tensor
from .creation import full, zeros
from .movement import dim_of, reshape, squeeze
from .reduce import _Pair, argmax
from .where import where

_sort = primitive(
    "sort",
    ("input", "dim", "descending", "stable"),
    outputs=2,
    doc="Values in order and their int64 places; NaN is greatest.",
    dtype=lambda x, *_: (x, dtypes.int64),
    vjp=lambda g, out, dim, input_shape: zeros(
        input_shape, dtype=g[0].dtype, device=g[0].device
    ).scatter_add(dim, out[1], g[0]),
)


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """(values, indices) in order along `dim`; NaN is the largest."""
    d = dim_of(dim, input.ndim)
    if not input.ndim:
        return _Pair(input.clone(), zeros((), dtype=dtypes.int64, device=input.device))
    return _Pair(*_sort(input, d, descending, stable))


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that sort along `dim`."""
    return sort(input, dim, descending, stable).indices


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The `k` largest (or smallest) along `dim`: (values, indices)."""
    d = dim_of(dim, input.ndim)
    n = input._data.shape[d] if input.ndim else 1
    if not 0 <= k <= n:
        raise RuntimeError(
            f"selected index k out of range: topk of {k} in dimension {d} of size {n}"
        )
    if not input.ndim:
        return sort(input, dim)
    values, at = sort(input, d, largest)
    return _Pair(values.narrow(d, 0, k), at.narrow(d, 0, k))


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The `k`-th smallest along `dim`, counted from 1: (values, indices)."""
    d = dim_of(dim, input.ndim)
    n = input._data.shape[d] if input.ndim else 1
    if n == 0:
        raise IndexError(f"kthvalue(): Expected reduction dim {d} to have non-zero size.")
    if not 1 <= k <= n:
        raise RuntimeError(
            f"kthvalue(): selected number k out of range for dimension {d}: {k} of {n}"
        )
    if not input.ndim:
        return sort(input, dim)
    values, at = sort(input, d)
    if keepdim:
        return _Pair(values.narrow(d, k - 1, 1), at.narrow(d, k - 1, 1))
    return _Pair(values.select(d, k - 1), at.select(d, k - 1))


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median of all, or (values, indices) along `dim`; NaN wins."""
    flat = reshape(input, -1) if dim is None else input
    d = 0 if dim is None else dim_of(dim, input.ndim)
    n = flat._data.shape[d] if flat.ndim else 1
    if n == 0 and dim is None and input.dtype.is_floating_point:
        return full((), math.nan, dtype=input.dtype, device=input.device)
    if n == 0:
        raise IndexError("median(): Expected reduction dim to have non-zero size.")
    pair = kthvalue(flat, (n + 1) // 2, d, keepdim and dim is not None)
    if input.dtype.is_floating_point:
        last = sort(flat, d)
        nan_value = last.values.narrow(d, n - 1, 1)
        has_nan = (
            (nan_value != nan_value)
            if keepdim and dim is not None
            else squeeze(nan_value != nan_value, d)
        )
        first_nan = argmax((flat != flat).to(dtypes.int64), d, keepdim and dim is not None)
        pair = _Pair(where(has_nan, math.nan, pair.values), where(has_nan, first_nan, pair.indices))
    return pair.values if dim is None else pair
