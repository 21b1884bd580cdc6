"""Reductions, scans and sorting."""

from __future__ import annotations

import builtins
import math
from typing import Any, NamedTuple

from .. import dtypes
from ..registry import primitive
from ..tensor import Tensor
from .creation import arange, full, zeros
from .movement import dim_of, expand, flip, reshape, squeeze, unsqueeze
from .pointwise import sqrt, where


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


_sum = primitive(
    "sum",
    ("input", "dims", "keepdim"),
    doc="The sum over `dims`.",
    vjp=(lambda g, input_shape, dims, keepdim: spread(g, input_shape, dims, keepdim),),
)
_prod = primitive(
    "prod",
    ("input", "dims", "keepdim"),
    doc="The product over `dims`.",
    vjp=(lambda g, input, dims, keepdim: _prod_vjp(g, input, dims, keepdim),),
)


def _ties(g: Tensor, out: Tensor, input: Tensor, dims: tuple[int, ...], keepdim: bool) -> Tensor:
    """The gradient of an extremum, shared evenly among equal elements."""
    shape = input._data.shape
    out = spread(out, shape, dims, keepdim)
    hit = ((input == out) | ((input != input) & (out != out))).to(g.dtype)
    return spread(g, shape, dims, keepdim) * (
        hit / spread(_sum(hit, dims, True), shape, dims, True)
    )


_max = primitive(
    "max",
    ("input", "dims", "keepdim"),
    doc="The largest over `dims`; NaN wins.",
    vjp=(lambda g, out, input, dims, keepdim: _ties(g, out, input, dims, keepdim),),
)
_min = primitive(
    "min",
    ("input", "dims", "keepdim"),
    doc="The smallest over `dims`; NaN wins.",
    vjp=(lambda g, out, input, dims, keepdim: _ties(g, out, input, dims, keepdim),),
)
_argmax = primitive(
    "argmax", ("input", "dim", "keepdim"), dtype=dtypes.int64, doc="The index of the first largest."
)
_argmin = primitive(
    "argmin",
    ("input", "dim", "keepdim"),
    dtype=dtypes.int64,
    doc="The index of the first smallest.",
)
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
_sort = primitive(
    "sort",
    ("input", "dim", "descending", "stable"),
    outputs=2,
    doc="Sorted values and their indices.",
    dtype=lambda x, *_: (x, dtypes.int64),
    vjp=lambda g, out, dim, input_shape: zeros(
        input_shape, dtype=g[0].dtype, device=g[0].device
    ).scatter_add(dim, out[1], g[0]),
)


def _others(input: Tensor) -> Tensor:
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
    each = _prod(_others(flat), (flat.ndim,), False)
    each = reshape(each, moved._data.shape)
    back = [0] * len(shape)
    for i, d in enumerate((*rest, *dims)):
        back[d] = i
    return spread(g, shape, dims, keepdim) * each.permute(*back)


def _cumprod_vjp(g: Tensor, input: Tensor, dim: int) -> Tensor:
    x = input.movedim(dim, -1) if input.ndim else input.reshape(1)
    gl = g.movedim(dim, -1) if input.ndim else g.reshape(1)
    n = x._data.shape[-1]
    at = arange(n, device=x.device)
    later = (at >= at.unsqueeze(1)).to(g.dtype)
    grads = _sum(_cumprod(_others(x), x.ndim) * later * unsqueeze(gl, -2), (x.ndim,), False)
    return grads.movedim(-1, dim) if input.ndim else grads.reshape(())


def _summable(input: Tensor, dtype: dtypes.dtype | None) -> Tensor:
    if dtype is not None:
        return input.to(dtype)
    return input.to(dtypes.int64) if input.dtype.category < 2 else input


def _floating(input: Tensor, dtype: dtypes.dtype | None, name: str) -> Tensor:
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
    input = _summable(input, dtype)
    return _sum(input, dims_of(dim, len(input._data.shape)), keepdim)


def mean(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None
) -> Tensor:
    """The mean over `dim` (None: all); RuntimeError for integers."""
    input = _floating(input, dtype, "mean")
    shape = input._data.shape
    dims = dims_of(dim, len(shape))
    n = math.prod(shape[d] for d in dims)
    return _sum(input, dims, keepdim) * (1.0 / n if n else math.nan)


def prod(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    dtype: dtypes.dtype | None = None,
) -> Tensor:
    """The product over `dim` (None: all)."""
    input = _summable(input, dtype)
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
    from .pointwise import maximum

    return _extremum(input, dim, keepdim, _max, _argmax, maximum, "max")


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest of all; with a `dim` (values, indices) along it; with a tensor the smaller of
    the two."""
    from .pointwise import minimum

    return _extremum(input, dim, keepdim, _min, _argmin, minimum, "min")


def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The largest over `dim`; equal largest elements share the gradient."""
    dims = _reducible(input, dim, "amax")
    return _max(input, dims, keepdim)


def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The smallest over `dim`; equal smallest elements share the gradient."""
    dims = _reducible(input, dim, "amin")
    return _min(input, dims, keepdim)


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
    every = _sum((input == 0).to(dtypes.int64), dims_of(dim, input.ndim), keepdim) == 0
    return every.to(input.dtype) if input.dtype is dtypes.uint8 else every


def _count(input: Tensor, dim: Any, keepdim: bool) -> Tensor:
    return _sum((input != 0).to(dtypes.int64), dims_of(dim, input.ndim), keepdim)


def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not zero."""
    return _count(input, dim, False)


def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum with NaN as zero."""
    return sum(where(input != input, 0, input), dim, keepdim, dtype=dtype)


def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of what is not NaN."""
    return nansum(input, dim, keepdim, dtype=dtype) / sum(input == input, dim, keepdim)


def _moments(input: Tensor, dim: Any, correction: Any, keepdim: bool) -> tuple[Tensor, Tensor]:
    input = _floating(input, None, "var")
    dims = dims_of(dim, input.ndim)
    n = math.prod(input._data.shape[d] for d in dims)
    centre = mean(input, dims, True) if dims else input
    away = input - centre
    free = builtins.max(0, n - correction)
    square = _sum(away * away, dims, keepdim)
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


def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))) over `dim`, without overflow."""
    dims = dims_of(dim, input.ndim)
    input = input.to(dtypes.get_default_dtype()) if input.dtype.category < 2 else input
    if builtins.any(input._data.shape[d] == 0 for d in dims):
        return _sum(input.exp(), dims, keepdim).log()
    top = _max(input, dims, True).detach()
    top = where(top.isfinite(), top, 0.0)
    total = _sum((input - top).exp(), dims, keepdim).log()
    return total + (top if keepdim else reshape(top, total._data.shape))


def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """The vector `p`-norm over `dim` (None: all); ``"fro"`` is the 2-norm."""
    input = _floating(input, dtype, "norm")
    dims = dims_of(dim, input.ndim)
    if p in ("fro", 2, 2.0, None):
        return _norm2(input, dims, keepdim)
    if p == math.inf:
        return _max(abs(input), dims, keepdim)
    if p == -math.inf:
        return _min(abs(input), dims, keepdim)
    if p == 0:
        return _sum((input != 0).to(input.dtype), dims, keepdim)
    if p == 1:
        return _sum(input.abs(), dims, keepdim)
    if not isinstance(p, (int, float)):
        raise RuntimeError(f"norm: p must be a number or 'fro', got {p!r}")
    return _sum(input.abs() ** p, dims, keepdim) ** (1.0 / p)


def _norm2(input: Tensor, dims: tuple[int, ...], keepdim: bool) -> Tensor:
    square = _sum(input * input, dims, keepdim)
    # The gradient at zero is zero, as PyTorch has it, not 0 / 0.
    zero = square == 0
    return where(zero, 0.0, sqrt(where(zero, 1.0, square)))


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The `p`-norm of input - other."""
    return norm(input - other, p)


def cumsum(input: Tensor, dim: int, *, dtype: dtypes.dtype | None = None) -> Tensor:
    """Running sums along `dim`."""
    input = _summable(input, dtype)
    d = dim_of(dim, input.ndim)
    return _cumsum(input, d) if input.ndim else input.clone()


def cumprod(input: Tensor, dim: int, *, dtype: dtypes.dtype | None = None) -> Tensor:
    """Running products along `dim`."""
    input = _summable(input, dtype)
    d = dim_of(dim, input.ndim)
    return _cumprod(input, d) if input.ndim else input.clone()


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
        input = _sum(input, tuple(dims), True)
    return reshape(input, shape) if lead else input
