"""Functions that read and write at places given by a tensor."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..tensor import Tensor
from .creation import full, tensor, zeros
from .indexing import (
    advanced_plan,
    basic_part,
    expanded_index,
    fit_source,
    getitem,
    rows_at,
    setitem,
)
from .lookup import (
    checked_places,
    gather_op,
    index_add_op,
    index_copy_op,
    nonzero_op,
    scatter_add_op,
    scatter_op,
    take_op,
)
from .movement import broadcast_tensors, dim_of, expand, permute, reshape
from .where import where


def _outside(index: Tensor, n: int) -> bool:
    """Whether a place lies outside of [0, n); not asked where that would make the host wait."""
    if not index.device.checks or not index.numel():
        return False
    return bool(index.amin().item() < 0 or index.amax().item() >= n)


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The entries along `dim` at the 1-D `index`."""
    d = dim_of(dim, input.ndim)
    if index.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if index.dtype not in (dtypes.int32, dtypes.int64):
        raise RuntimeError(
            f"index_select(): Expected dtype int32 or int64 for index, got {index.dtype}"
        )
    n = input._data.shape[d]
    if _outside(index, n):
        raise IndexError(f"index_select(): index out of range for dimension {d} with size {n}")
    return take_op(input, reshape(index, -1).to(dtypes.int64), d)


def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements of the flattened input at `index`, in `index`'s shape."""
    return take_op(reshape(input, -1), checked_places(index, input.numel(), 0, "take"), 0)


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Entries at `indices` along `dim`, the other dimensions broadcast."""
    if dim is None:
        return gather(reshape(input, -1), 0, reshape(indices, -1))
    d = dim_of(dim, input.ndim)
    a, b = list(input._data.shape), list(indices._data.shape)
    wide = [max(m, n) for m, n in zip(a, b, strict=True)]
    input = expand(input, [n if i != d else a[d] for i, n in enumerate(wide)])
    return gather(input, d, expand(indices, [n if i != d else b[d] for i, n in enumerate(wide)]))


def _checked_index(input: Tensor, dim: int, index: Tensor, name: str) -> int:
    d = dim_of(dim, input.ndim)
    if index.dtype is not dtypes.int64 and index.dtype is not dtypes.int32:
        raise RuntimeError(f"{name}(): Expected dtype int64 for index, got {index.dtype}")
    if index.ndim != input.ndim and index.numel() and input.ndim and index.ndim:
        raise RuntimeError(
            f"{name}: Index tensor must have the same number of dimensions as input tensor, got "
            f"{list(index.shape)} and {list(input.shape)}"
        )
    n = input._data.shape[d] if input.ndim else 1
    if _outside(index, n):
        raise RuntimeError(
            f"{name}: index {index.amax().item()} is out of bounds for dimension {d} with size {n}"
        )
    return d


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """out[i][j] = input[index[i][j]][j] for dim 0, and so on; `index` has the result's shape."""
    d = _checked_index(input, dim, index, "gather")
    for i, (m, n) in enumerate(zip(index._data.shape, input._data.shape, strict=False)):
        if i != d and m > n:
            raise RuntimeError(
                f"Size does not match at dimension {i} expected index {list(index.shape)} to be no "
                "larger than self "
                f"{list(input.shape)} apart from dimension {d}"
            )
    if input.ndim == 0 or index.ndim == 0:
        return reshape(
            gather_op(reshape(input, -1), reshape(index, -1).to(dtypes.int64), 0), index._data.shape
        )
    return gather_op(input, index.to(dtypes.int64), d)


def _source(input: Tensor, index: Tensor, src: Any) -> Tensor:
    if isinstance(src, Tensor):
        if src.dtype is not input.dtype:
            raise RuntimeError(
                f"scatter(): Expected self.dtype to be equal to src.dtype, got {input.dtype} and "
                f"{src.dtype}"
            )
        return src
    return full(index._data.shape, src, dtype=input.dtype, device=input.device)


def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
) -> Tensor:
    """`input` with `src` (a tensor or number) put at `index` along `dim`; `reduce` may be
    ``"add"``."""
    d = _checked_index(input, dim, index, "scatter")
    source = _source(input, index, value if src is None else src)
    if reduce == "add":
        return scatter_add_op(input, index.to(dtypes.int64), source, d)
    if reduce is not None:
        raise RuntimeError(f"scatter(): reduce argument must be None or 'add' here, got {reduce!r}")
    return scatter_op(input, index.to(dtypes.int64), source, d)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """`input` with `src` added at `index` along `dim`; duplicates accumulate."""
    d = _checked_index(input, dim, index, "scatter_add")
    return scatter_add_op(input, index.to(dtypes.int64), _source(input, index, src), d)


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """`input` with `alpha * source` added at the 1-D `index` along `dim`; duplicates accumulate."""
    d = dim_of(dim, input.ndim)
    index = checked_places(reshape(index, -1), input._data.shape[d], d, "index_add")
    if source._data.shape[d] != index._data.shape[0]:
        raise RuntimeError(
            f"index_add(): Number of indices ({index.numel()}) should be equal to "
            f"source.size(dim): ({source.size(d)})"
        )
    return index_add_op(input, index, source if alpha == 1 else source * alpha, d)


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """`input` with `source` put at the 1-D `index` along `dim`."""
    d = dim_of(dim, input.ndim)
    return index_copy_op(
        input, checked_places(reshape(index, -1), input._data.shape[d], d, "index_copy"), source, d
    )


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """`input` with `value` at the 1-D `index` along `dim`."""
    d = dim_of(dim, input.ndim)
    shape = list(input._data.shape)
    shape[d] = index.numel()
    return index_copy(input, d, index, full(shape, value, dtype=input.dtype, device=input.device))


def index_put(
    input: Tensor, indices: tuple[Any, ...], values: Tensor, accumulate: bool = False
) -> Tensor:
    """A copy of `input` with `values` put (or added) at `indices`."""
    out = input.clone()
    if accumulate:
        view, rest = basic_part(out, expanded_index(out, tuple(indices)))
        dims, found, _ = advanced_plan(view, rest)
        rows, linear, order = rows_at(view, dims, found)
        source = fit_source(values.to(out.dtype), [*linear._data.shape, *rows._data.shape[1:]])
        new = index_add_op(
            rows, reshape(linear, -1), reshape(source, linear.numel(), *rows._data.shape[1:]), 0
        )
        return permute(
            reshape(new, [view._data.shape[d] for d in order]),
            [order.index(d) for d in range(view.ndim)],
        )
    setitem(out, tuple(indices), values)
    return out


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`value` where the bool `mask` holds, else `input`."""
    if mask.dtype is not dtypes.bool:
        raise RuntimeError(
            f"masked_fill only supports boolean masks, but got mask with dtype {mask.dtype}"
        )
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                "masked_fill only supports a 0-dimensional value tensor, but got tensor with "
                f"{value.ndim} dimension(s)."
            )
        value = value.to(input.dtype)
    else:
        value = full((), value, dtype=input.dtype, device=input.device)
    return where(mask, value, input)


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where `mask` (broadcast with `input`) holds, in one dimension."""
    if mask.dtype is not dtypes.bool:
        raise RuntimeError(f"masked_select: expected BoolTensor for mask, got {mask.dtype}")
    input, mask = broadcast_tensors(input, mask)
    return getitem(input, mask)


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of what is not zero: (n, ndim), or with `as_tuple` one vector a dimension."""
    if as_tuple:
        return nonzero_op(reshape(input, 1) if input.ndim == 0 else input).unbind(1)
    return nonzero_op(input)


argwhere = nonzero


def repeat_interleave(input: Tensor, repeats: Any, dim: int | None = None) -> Tensor:
    """Each entry along `dim` (None: flattened) repeated `repeats` times, a number or one count an
    entry."""
    if dim is None:
        input, dim = reshape(input, -1), 0
    d = dim_of(dim, input.ndim)
    n = input._data.shape[d]
    counts = repeats.tolist() if isinstance(repeats, Tensor) else repeats
    counts = [counts] * n if isinstance(counts, int) else counts
    if len(counts) == 1:
        counts = counts * n
    if len(counts) != n:
        raise RuntimeError("repeats must have the same size as input along dim")
    index = tensor(
        [i for i, c in enumerate(counts) for _ in range(c)], dtype=dtypes.int64, device=input.device
    )
    return take_op(input, index, d)


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often (or with what total weight) each non-negative integer occurs."""
    if input.ndim != 1 or input.dtype.category != 1 or (input.numel() and input.amin().item() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    n = max(minlength, int(input.amax().item()) + 1 if input.numel() else 0)
    source = (
        weights
        if weights is not None
        else full(input._data.shape, 1, dtype=dtypes.int64, device=input.device)
    )
    return index_add_op(
        zeros(n, dtype=source.dtype, device=input.device), input.to(dtypes.int64), source, 0
    )
