"""Running sums and products."""

from __future__ import annotations

from .. import dtypes
from ..registry import primitive
from ..tensor import Tensor
from .creation import arange
from .movement import dim_of, unsqueeze
from .reduce import product_of_others, sum_op, summable
from .slicing import flip

_cumsum = primitive(
    "cumsum",
    ("input", "dim"),
    doc="Running sums along `dim`.",
    vjp=(lambda g, dim: flip(_cumsum(flip(g, dim), dim), dim),),
)
_cumprod = primitive(
    "cumprod",
    ("input", "dim"),
    doc="Running products along `dim`.",
    vjp=(lambda g, input, dim: _cumprod_vjp(g, input, dim),),
)


def _cumprod_vjp(g: Tensor, input: Tensor, dim: int) -> Tensor:
    x = input.movedim(dim, -1) if input.ndim else input.reshape(1)
    gl = g.movedim(dim, -1) if input.ndim else g.reshape(1)
    n = x._data.shape[-1]
    at = arange(n, device=x.device)
    later = (at >= at.unsqueeze(1)).to(g.dtype)
    grads = sum_op(
        _cumprod(product_of_others(x), x.ndim) * later * unsqueeze(gl, -2), (x.ndim,), False
    )
    return grads.movedim(-1, dim) if input.ndim else grads.reshape(())


def cumsum(input: Tensor, dim: int, *, dtype: dtypes.dtype | None = None) -> Tensor:
    """Running sums along `dim`."""
    input = summable(input, dtype)
    d = dim_of(dim, input.ndim)
    return _cumsum(input, d) if input.ndim else input.clone()


def cumprod(input: Tensor, dim: int, *, dtype: dtypes.dtype | None = None) -> Tensor:
    """Running products along `dim`."""
    input = summable(input, dtype)
    d = dim_of(dim, input.ndim)
    return _cumprod(input, d) if input.ndim else input.clone()
