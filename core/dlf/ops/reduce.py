"""Reductions, scans and sorting."""

from __future__ import annotations

import builtins
from typing import Any, NamedTuple

from .. import dtypes
from ..registry import primitive
from ..tensor import Tensor
from .creation import arange, zeros
from .movement import dim_of, expand, reshape, squeeze, unsqueeze
from .where import where


def dims_of(dim: Any, ndim: int) -> tuple[int, ...]:
    """`dim` (None: all) as a sorted tuple of dimensions; RuntimeError for a repeated one."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(ndim))
    dims = dim if isinstance(dim, (tuple, list)) else (dim,)
    found = [dim_of(d, ndim) for d in dims]
    if len(set(found)) != len(found):
        raise RuntimeError(f"dim {found[-1]} appears multiple times in the list of dims")
    return tuple(sorted(found)) if ndim else ()


def spread(x: Tensor, shape: Any, dims: tuple[int, ...], keepdim: bool) -> Tensor:
    """A reduction's result (or gradient) expanded back to the shape before it."""
    if not keepdim:
        x = reshape(x, tuple(1 if i in dims else n for i, n in enumerate(shape)))
    return expand(x, shape)


sum_op = primitive(
    "sum",
    ("input", "dims", "keepdim"),
    doc="The sum over the tuple `dims`; the dtype stays.",
    vjp=(lambda g, input_shape, dims, keepdim: spread(g, input_shape, dims, keepdim),),
)
_prod = primitive(
    "prod",
    ("input", "dims", "keepdim"),
    doc="The product over `dims`; the dtype stays.",
    vjp=(lambda g, input, dims, keepdim: _prod_vjp(g, input, dims, keepdim),),
)


def _ties(g: Tensor, out: Tensor, input: Tensor, dims: tuple[int, ...], keepdim: bool) -> Tensor:
    """The gradient of an extremum, shared evenly among equal elements."""
    shape = input._data.shape
    out = spread(out, shape, dims, keepdim)
    hit = ((input == out) | ((input != input) & (out != out))).to(g.dtype)
    return spread(g, shape, dims, keepdim) * (
        hit / spread(sum_op(hit, dims, True), shape, dims, True)
    )


max_op = primitive(
    "max",
    ("input", "dims", "keepdim"),
    doc="The greatest over `dims`; NaN if there is one.",
    vjp=(lambda g, out, input, dims, keepdim: _ties(g, out, input, dims, keepdim),),
)
min_op = primitive(
    "min",
    ("input", "dims", "keepdim"),
    doc="The least over `dims`; NaN if there is one.",
    vjp=(lambda g, out, input, dims, keepdim: _ties(g, out, input, dims, keepdim),),
)
_argmax = primitive(
    "argmax",
    ("input", "dim", "keepdim"),
    dtype=dtypes.int64,
    doc="int64: the place of the first greatest; NaN counts as greatest.",
)
_argmin = primitive(
    "argmin",
    ("input", "dim", "keepdim"),
    dtype=dtypes.int64,
    doc="int64: the place of the first least; NaN counts as least.",
)


def product_of_others(input: Tensor) -> Tensor:
    """[..., n] to [..., n, n] whose row i is the input with entry i replaced by 1."""
    n = input._data.shape[-1]
    same = arange(n, device=input.device).unsqueeze(1) == arange(n, device=input.device)
    return where(same, 1.0, unsqueeze(input, -2))


def _prod_vjp(g: Tensor, input: Tensor, dims: tuple[int, ...], keepdim: bool) -> Tensor:
    # Exact at zeros too: the product of all others, rather than the product over the element.
    shape = input._data.shape
    rest = tuple(i for i in range(len(shape)) if i not in dims)
    moved = input.permute(*rest, *dims)
    flat = reshape(moved, (*(shape[i] for i in rest), -1)) if dims else unsqueeze(moved, -1)
    each = _prod(product_of_others(flat), (flat.ndim,), False)
    each = reshape(each, moved._data.shape)
    back = [0] * len(shape)
    for i, d in enumerate((*rest, *dims)):
        back[d] = i
    return spread(g, shape, dims, keepdim) * each.permute(*back)


def summable(input: Tensor, dtype: dtypes.dtype | None) -> Tensor:
    if dtype is not None:
        return input.to(dtype)
    return input.to(dtypes.int64) if input.dtype.category < 2 else input


def floating_for(input: Tensor, dtype: dtypes.dtype | None, name: str) -> Tensor:
    if dtype is not None:
        input = input.to(dtype)
    if input.dtype.category < 2:
        raise RuntimeError(
            f"{name}(): could not infer output dtype. Input dtype must be either a floating point "
            f"or complex dtype. Got: {input.dtype}"
        )
    return input


def sum(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None
) -> Tensor:
    """The sum over `dim` (None: all); integers and bool are summed in int64 unless `dtype` is
    given."""
    input = summable(input, dtype)
    return sum_op(input, dims_of(dim, len(input._data.shape)), keepdim)


def prod(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    dtype: dtypes.dtype | None = None,
) -> Tensor:
    """The product over `dim` (None: all)."""
    input = summable(input, dtype)
    return _prod(input, dims_of(dim, input.ndim), keepdim)


class _Pair(NamedTuple):
    values: Tensor
    indices: Tensor


def _not_empty(input: Tensor, dims: tuple[int, ...], name: str) -> None:
    for d in dims:
        if input._data.shape[d] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")


def _extremum(
    input: Tensor, dim: Any, keepdim: bool, reducer: Any, arg: Any, other_op: Any, name: str
) -> Any:
    if isinstance(dim, Tensor):
        return other_op(input, dim)
    if dim is None:
        if input.numel() == 0:
            raise RuntimeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0."
            )
        return reducer(input, tuple(range(input.ndim)), keepdim)
    d = dim_of(dim, input.ndim)
    if input.ndim == 0:
        return _Pair(input.clone(), zeros((), dtype=dtypes.int64, device=input.device))
    _not_empty(input, (d,), name)
    at = arg(input, d, True)
    values = input.gather(d, at)
    return _Pair(values, at) if keepdim else _Pair(squeeze(values, d), squeeze(at, d))


def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest of all; with a `dim` (values, indices) along it; with a tensor the larger of the
    two."""
    from .binary import maximum

    return _extremum(input, dim, keepdim, max_op, _argmax, maximum, "max")


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest of all; with a `dim` (values, indices) along it; with a tensor the smaller of
    the two."""
    from .binary import minimum

    return _extremum(input, dim, keepdim, min_op, _argmin, minimum, "min")


def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The largest over `dim`; equal largest elements share the gradient."""
    dims = _reducible(input, dim, "amax")
    return max_op(input, dims, keepdim)


def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The smallest over `dim`; equal smallest elements share the gradient."""
    dims = _reducible(input, dim, "amin")
    return min_op(input, dims, keepdim)


def _reducible(input: Tensor, dim: Any, name: str) -> tuple[int, ...]:
    dims = dims_of(dim, input.ndim)
    if dim == () and input.numel() == 0:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0."
        )
    _not_empty(input, dims, name)
    return dims


def aminmax(
    input: Tensor, *, dim: int | None = None, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    """The smallest and the largest."""
    return amin(input, () if dim is None else dim, keepdim), amax(
        input, () if dim is None else dim, keepdim
    )


def _arg(input: Tensor, dim: int | None, keepdim: bool, op: Any, name: str) -> Tensor:
    if dim is None:
        if input.numel() == 0:
            raise IndexError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0."
            )
        at = op(reshape(input, -1), 0, False)
        return reshape(at, (1,) * input.ndim) if keepdim else at
    d = dim_of(dim, input.ndim)
    if input.ndim == 0:
        return zeros((), dtype=dtypes.int64, device=input.device)
    _not_empty(input, (d,), name)
    return op(input, d, keepdim)


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the (first) largest element, of the flattened tensor if `dim` is None."""
    return _arg(input, dim, keepdim, _argmax, "argmax")


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the (first) smallest element, of the flattened tensor if `dim` is None."""
    return _arg(input, dim, keepdim, _argmin, "argmin")


def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether any element is not zero."""
    found = _count(input, dim, keepdim) > 0
    return found.to(input.dtype) if input.dtype is dtypes.uint8 else found


def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether all elements are not zero."""
    every = sum_op((input == 0).to(dtypes.int64), dims_of(dim, input.ndim), keepdim) == 0
    return every.to(input.dtype) if input.dtype is dtypes.uint8 else every


def _count(input: Tensor, dim: Any, keepdim: bool) -> Tensor:
    return sum_op((input != 0).to(dtypes.int64), dims_of(dim, input.ndim), keepdim)


def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not zero."""
    return _count(input, dim, False)


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """`input` summed down to a shape that broadcasts to its own; RuntimeError for another."""
    shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else tuple(size)
    have = input._data.shape
    lead = len(have) - len(shape)
    dims = list(range(builtins.max(lead, 0)))
    for i, n in enumerate(shape):
        if lead < 0 or n not in (1, have[i + lead]):
            raise RuntimeError(f"size {list(shape)} is not expandable to size {list(have)}.")
        if n == 1 and have[i + lead] != 1:
            dims.append(i + lead)
    if dims:
        input = sum_op(input, tuple(dims), True)
    return reshape(input, shape) if lead else input
