"""Mean, variance, norms and the other statistics that are made of sums."""

from __future__ import annotations

import builtins
import math
from typing import Any

from .. import dtypes
from ..amp.listed import listed
from ..tensor import Tensor
from .movement import reshape
from .reduce import dims_of, floating_for, max_op, min_op, sum, sum_op
from .unary import sqrt
from .where import where


def mean(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None
) -> Tensor:
    """The mean over `dim` (None: all); RuntimeError for integers."""
    input = floating_for(input, dtype, "mean")
    shape = input._data.shape
    dims = dims_of(dim, len(shape))
    n = math.prod(shape[d] for d in dims)
    return sum_op(input, dims, keepdim) * (1.0 / n if n else math.nan)


def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum with NaN as zero."""
    return sum(where(input != input, 0, input), dim, keepdim, dtype=dtype)


def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of what is not NaN."""
    return nansum(input, dim, keepdim, dtype=dtype) / sum(input == input, dim, keepdim)


def _moments(input: Tensor, dim: Any, correction: Any, keepdim: bool) -> tuple[Tensor, Tensor]:
    input = floating_for(input, None, "var")
    dims = dims_of(dim, input.ndim)
    n = math.prod(input._data.shape[d] for d in dims)
    centre = mean(input, dims, True) if dims else input
    away = input - centre
    free = builtins.max(0, n - correction)
    square = sum_op(away * away, dims, keepdim)
    variance = square * (1.0 / free) if free else square * math.nan
    return variance, centre if keepdim or not dims else reshape(centre, square._data.shape)


def _corrected(dim: Any, unbiased: bool | None, correction: Any) -> tuple[Any, Any]:
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None:
        return dim, int(unbiased)
    return dim, 1 if correction is None else correction


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> Tensor:
    """The variance over `dim`, with `correction` (default 1, Bessel's) degrees of freedom taken
    off."""
    dim, c = _corrected(dim, unbiased, correction)
    return _moments(input, dim, c, keepdim)[0]


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> Tensor:
    """The square root of `var`."""
    return sqrt(var(input, dim, unbiased, keepdim, correction=correction))


def var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> tuple[Tensor, Tensor]:
    """The variance and the mean."""
    dim, c = _corrected(dim, unbiased, correction)
    return _moments(input, dim, c, keepdim)


def std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> tuple[Tensor, Tensor]:
    """The standard deviation and the mean."""
    v, m = var_mean(input, dim, unbiased, keepdim, correction=correction)
    return sqrt(v), m


@listed
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))) over `dim`, without overflow."""
    dims = dims_of(dim, input.ndim)
    input = input.to(dtypes.get_default_dtype()) if input.dtype.category < 2 else input
    if builtins.any(input._data.shape[d] == 0 for d in dims):
        return sum_op(input.exp(), dims, keepdim).log()
    top = max_op(input, dims, True).detach()
    top = where(top.isfinite(), top, 0.0)
    total = sum_op((input - top).exp(), dims, keepdim).log()
    return total + (top if keepdim else reshape(top, total._data.shape))


@listed
def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """The vector `p`-norm over `dim` (None: all); ``"fro"`` is the 2-norm."""
    input = floating_for(input, dtype, "norm")
    dims = dims_of(dim, input.ndim)
    if p in ("fro", 2, 2.0, None):
        return _norm2(input, dims, keepdim)
    if p == math.inf:
        return max_op(abs(input), dims, keepdim)
    if p == -math.inf:
        return min_op(abs(input), dims, keepdim)
    if p == 0:
        return sum_op((input != 0).to(input.dtype), dims, keepdim)
    if p == 1:
        return sum_op(input.abs(), dims, keepdim)
    if not isinstance(p, (int, float)):
        raise RuntimeError(f"norm: p must be a number or 'fro', got {p!r}")
    return sum_op(input.abs() ** p, dims, keepdim) ** (1.0 / p)


def _norm2(input: Tensor, dims: tuple[int, ...], keepdim: bool) -> Tensor:
    square = sum_op(input * input, dims, keepdim)
    # The gradient at zero is zero, as PyTorch has it, not 0 / 0.
    zero = square == 0
    return where(zero, 0.0, sqrt(where(zero, 1.0, square)))


@listed
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The `p`-norm of input - other."""
    return norm(input - other, p)
