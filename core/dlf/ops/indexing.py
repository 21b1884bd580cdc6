"""Indexing: basic indices make views; tensors, masks and sequences gather and scatter."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .. import dtypes
from ..inplace import check_writable, write
from ..registry import primitive
from ..tensor import Tensor
from .creation import arange, as_tensor, full, tensor, zeros
from .movement import (
    _along,
    broadcast_tensors,
    dim_of,
    expand,
    permute,
    reshape,
    select,
    unsqueeze,
    view_op,
)
from .pointwise import where

_take = primitive(
    "take",
    ("input", "index", "dim"),
    inputs=2,
    doc="Entries along `dim` at an index of any shape.",
    dtype=lambda x, i, dim: x,
    vjp=(lambda g, input_shape, index, dim: _untake(g, input_shape, index, dim), None),
)
index_add_op = primitive(
    "index_add",
    ("input", "index", "source", "dim"),
    inputs=3,
    doc="`source` added at `index` along `dim`.",
    dtype=lambda x, i, s, dim: x,
    vjp=(lambda g: g, None, lambda g, index, dim: _take(g, index, dim)),
)
index_copy_op = primitive(
    "index_copy",
    ("input", "index", "source", "dim"),
    inputs=3,
    doc="`source` put at `index` along `dim`.",
    dtype=lambda x, i, s, dim: x,
    vjp=(
        lambda g, index, source_shape, dim: index_copy_op(
            g, index, zeros(source_shape, dtype=g.dtype, device=g.device), dim
        ),
        None,
        lambda g, index, dim: _take(g, index, dim),
    ),
)
_gather = primitive(
    "gather",
    ("input", "index", "dim"),
    inputs=2,
    doc="Entries along `dim` at an index of the result's shape.",
    dtype=lambda x, i, dim: x,
    vjp=(
        lambda g, input_shape, index, dim: _scatter_add(
            zeros(input_shape, dtype=g.dtype, device=g.device), index, g, dim
        ),
        None,
    ),
)
_scatter = primitive(
    "scatter",
    ("input", "index", "source", "dim"),
    inputs=3,
    doc="`source` put at `index` along `dim`.",
    dtype=lambda x, i, s, dim: x,
    vjp=(
        lambda g, index, dim: _scatter(
            g, index, zeros(index._data.shape, dtype=g.dtype, device=g.device), dim
        ),
        None,
        lambda g, index, dim, source_shape: _within(_gather(g, index, dim), source_shape),
    ),
)
_scatter_add = primitive(
    "scatter_add",
    ("input", "index", "source", "dim"),
    inputs=3,
    doc="`source` added at `index` along `dim`.",
    dtype=lambda x, i, s, dim: x,
    vjp=(
        lambda g: g,
        None,
        lambda g, index, dim, source_shape: _within(_gather(g, index, dim), source_shape),
    ),
)
_nonzero = primitive(
    "nonzero", ("input",), dtype=dtypes.int64, doc="The indices (n, ndim) of what is not zero."
)


def _within(g: Tensor, shape: Any) -> Tensor:
    """`g` padded with zeros to the source's shape: what lies outside the index was not read."""
    from .movement import constant_pad

    if g._data.shape == shape:
        return g
    return constant_pad(g, [(0, n - m) for m, n in zip(g._data.shape, shape, strict=True)])


def _untake(g: Tensor, shape: Any, index: Tensor, dim: int) -> Tensor:
    flat = reshape(index, -1)
    source = reshape(g, *shape[:dim], flat._data.shape[0], *shape[dim + 1 :])
    return index_add_op(zeros(shape, dtype=g.dtype, device=g.device), flat, source, dim)


def _wrapped(index: Tensor, n: int, dim: int, name: str) -> Tensor:
    """A non-negative int64 index; IndexError for one out of range, for another dtype too."""
    if index.dtype not in (dtypes.int64, dtypes.int32, dtypes.int16, dtypes.int8, dtypes.uint8):
        raise IndexError(
            f"tensors used as indices must be long, int, byte or bool tensors, got {index.dtype}"
        )
    index = index.to(dtypes.int64)
    if index.numel():
        low, high = index.amin().item(), index.amax().item()
        if low < -n or high >= n:
            bad = low if low < -n else high
            raise IndexError(
                f"{name}: index {bad} is out of bounds for dimension {dim} with size {n}"
            )
        if low < 0:
            index = where(index < 0, index + n, index)
    return index


def take_rows(input: Tensor, index: Tensor, dim: int) -> Tensor:
    """`take` without the check of the index's range."""
    return _take(input, index, dim)


# ---------------------------------------------------------------------- x[...]
def _as_index(item: Any, device: Any) -> Any:
    """Sequences and arrays as tensors; NumPy integers as ints; 0-d integer tensors as ints."""
    if isinstance(item, Tensor):
        if item.ndim == 0 and item.dtype.category == 1:
            return int(item.item())
        return item
    if isinstance(item, (list, np.ndarray, tuple)):
        made = as_tensor(item) if isinstance(item, np.ndarray) else tensor(item)
        if made.numel() == 0 and made.dtype.is_floating_point:
            made = made.to(dtypes.int64)
        return made.to(device)
    if isinstance(item, (slice, bool)) or item is None or item is Ellipsis:
        return item
    try:
        return operator.index(item)
    except TypeError:
        raise (TypeError if isinstance(item, str) else IndexError)(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are "
            "valid indices (got "
            f"{type(item).__name__})"
        ) from None


def _advanced(item: Any) -> bool:
    return isinstance(item, (Tensor, bool))


def _expanded(x: Tensor, index: Any) -> list[Any]:
    """The index as a list without Ellipsis, as long as x has dimensions."""
    if isinstance(index, list) and any(
        isinstance(i, (slice, Tensor)) or i is None or i is Ellipsis for i in index
    ):
        index = tuple(index)
    items = [_as_index(i, x.device) for i in (index if isinstance(index, tuple) else (index,))]
    used = 0
    for i in items:
        if isinstance(i, Tensor) and i.dtype in (dtypes.bool, dtypes.uint8):
            used += i.ndim
        elif i is not None and i is not Ellipsis and not isinstance(i, bool):
            used += 1
    n = x.ndim
    if used > n:
        raise IndexError(f"too many indices for tensor of dimension {n}: got {used}")
    if any(i is Ellipsis for i in items):
        if sum(i is Ellipsis for i in items) > 1:
            raise IndexError("an index can only have a single ellipsis ('...')")
        at = next(k for k, i in enumerate(items) if i is Ellipsis)
        return [*items[:at], *[slice(None)] * (n - used), *items[at + 1 :]]
    return [*items, *[slice(None)] * (n - used)]


def _basic(x: Tensor, items: list[Any]) -> tuple[Tensor, list[Any]]:
    """Apply ints, slices and None as views; return what is left: a tensor or None for each
    dimension."""
    rest: list[Any] = []
    d = 0
    for item in items:
        if item is None:
            x = unsqueeze(x, d)
            rest.append(None)
            d += 1
        elif isinstance(item, bool):
            x = unsqueeze(x, d)
            rest.append(tensor([0] if item else [], dtype=dtypes.int64, device=x.device))
            d += 1
        elif isinstance(item, slice):
            x = _sliced(x, d, item)
            rest.append(None)
            d += 1
        elif isinstance(item, Tensor):
            if item.dtype in (dtypes.bool, dtypes.uint8):
                for k in range(item.ndim):
                    if item._data.shape[k] != x._data.shape[d + k]:
                        raise IndexError(
                            f"the shape of the mask {list(item.shape)} at index {k} does not match "
                            "the shape of the indexed tensor "
                            f"{list(x.shape)} at index {d + k}"
                        )
                if item.ndim == 0:
                    x = unsqueeze(x, d)
                    rest.append(zeros(1 if bool(item) else 0, dtype=dtypes.int64, device=x.device))
                    d += 1
                    continue
                rest.extend(_nonzero(item).unbind(1))
                d += item.ndim
            else:
                rest.append(_wrapped(item, x._data.shape[d], d, "index"))
                d += 1
        else:
            n = x._data.shape[d]
            if not -n <= item < n:
                raise IndexError(f"index {item} is out of bounds for dimension {d} with size {n}")
            x = select(x, d, item)
    return x, rest


def _sliced(x: Tensor, d: int, item: slice) -> Tensor:
    n = x._data.shape[d]
    bounds = [None if v is None else operator.index(v) for v in (item.start, item.stop, item.step)]
    if bounds[2] is not None and bounds[2] <= 0:
        raise ValueError(f"slice step must be positive, got {bounds[2]}; use flip() to reverse")
    start, stop, step = slice(*bounds).indices(n)
    size = max(0, -(-(stop - start) // step))
    if start == 0 and step == 1 and size == n:
        return x
    return _along(x, d, start if size else 0, step, size)


def _plan(x: Tensor, rest: list[Any]) -> tuple[list[int], list[Tensor], bool]:
    dims = [d for d, r in enumerate(rest) if r is not None]
    try:
        indices = broadcast_tensors(*[rest[d] for d in dims])
    except RuntimeError:
        shapes = ", ".join(str(list(rest[d].shape)) for d in dims)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None
    together = dims == list(range(dims[0], dims[0] + len(dims)))
    return dims, indices, together


def _rows(x: Tensor, dims: list[int], indices: list[Tensor]) -> tuple[Tensor, Tensor, list[int]]:
    """x with the indexed dimensions first and as one, and the index into that."""
    order = [*dims, *[d for d in range(x.ndim) if d not in dims]]
    moved = permute(x, order)
    linear = indices[0]
    n = x._data.shape[dims[0]]
    for d, i in zip(dims[1:], indices[1:], strict=True):
        linear = linear * x._data.shape[d] + i
        n *= x._data.shape[d]
    return reshape(moved, n, *moved._data.shape[len(dims) :]), linear, order


def getitem(x: Tensor, index: Any) -> Tensor:
    """``x[index]``: a view for basic indices, a copy where tensors, masks or sequences index."""
    view, rest = _basic(x, _expanded(x, index))
    if not any(r is not None for r in rest):
        return view if view is not x else _alias(x)
    dims, indices, together = _plan(view, rest)
    rows, linear, _ = _rows(view, dims, indices)
    out = _take(rows, linear, 0)
    if together and dims[0]:
        k = linear.ndim
        out = permute(out, [*range(k, k + dims[0]), *range(k), *range(k + dims[0], out.ndim)])
    return out


def _alias(x: Tensor) -> Tensor:
    return permute(x, list(range(x.ndim)))


def setitem(x: Tensor, index: Any, value: Any) -> None:
    """``x[index] = value`` in place; gradients flow to both."""
    items = _expanded(x, index)
    check_writable(x, "setitem")
    if (
        len(items) == 1
        and isinstance(items[0], Tensor)
        and items[0].dtype is dtypes.bool
        and not isinstance(value, Tensor)
    ) and items[0]._data.shape == x._data.shape:
        write(x, where(items[0], value, x).to(x.dtype), "setitem")
        return
    view, rest = _basic(x, items)
    if isinstance(value, Tensor):
        source = value
    elif isinstance(value, (int, float, complex, bool, np.generic)):
        source = full(
            (),
            value.item() if isinstance(value, np.generic) else value,
            dtype=x.dtype,
            device=x.device,
        )
    else:
        raise TypeError(
            f"can't assign a {type(value).__name__} to a {x.dtype} tensor; give a number or a "
            "tensor"
        )
    if source.device is not x.device:
        if source.ndim:
            raise RuntimeError(
                f"setitem: expected all tensors on one device, got {x.device} and {source.device}"
            )
        source = source.to(x.device)
    source = source.to(x.dtype)
    if not any(r is not None for r in rest):
        _store(x, view, _fit(source, view._data.shape))
        return
    dims, indices, together = _plan(view, rest)
    rows, linear, order = _rows(view, dims, indices)
    k = linear.ndim
    shape = [*linear._data.shape, *rows._data.shape[1:]]
    if together and dims[0]:
        back = [*range(k, k + dims[0]), *range(k), *range(k + dims[0], len(shape))]
        source = _fit(source, [shape[i] for i in back])
        source = permute(source, [back.index(i) for i in range(len(shape))])
    else:
        source = _fit(source, shape)
    new = index_copy_op(
        rows, reshape(linear, -1), reshape(source, linear.numel(), *rows._data.shape[1:]), 0
    )
    moved = reshape(new, [view._data.shape[d] for d in order])
    _store(x, view, permute(moved, [order.index(d) for d in range(view.ndim)]))


def _store(x: Tensor, view: Tensor, source: Tensor) -> None:
    if x.device.views or view is x:
        write(view, overwrite(view, source), "setitem")
        return
    # No views here: rebuild x around the part, through the views' own functional forms.
    raise RuntimeError(
        f"setitem: the backend of {x.device} has no views, so a part of a tensor cannot be written "
        "in place; build the tensor with dlf.where, dlf.cat or slice_scatter instead"
    )


def _fit(source: Tensor, shape: Any) -> Tensor:
    have = source._data.shape
    extra = len(have) - len(shape)
    if extra > 0 and all(n == 1 for n in have[:extra]):
        source = reshape(source, have[extra:])
    try:
        return expand(source, tuple(shape))
    except RuntimeError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(have)} cannot be broadcast to indexing "
            f"result of shape {list(shape)}"
        ) from None


def overwrite(input: Tensor, source: Tensor) -> Tensor:
    """`source` in the place of `input`, for the gradient: none to what was there, all to
    `source`."""
    from ..autograd.mode import mode

    if not mode.grad or (input._node is None and source._node is None):
        return source
    return _overwrite(input, source)


def _declare_overwrite() -> Any:
    from ..registry import composite

    @composite(inputs=2, vjp=(lambda g: g * 0, lambda g: g))
    def overwrite(input: Tensor, source: Tensor) -> Tensor:
        """`source` in the shape of `input`, whose values it replaces."""
        return expand(source, input._data.shape).clone()

    return overwrite


_overwrite = _declare_overwrite()


# ---------------------------------------------------------------------- functions
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
    if index.numel() and (index.amin().item() < 0 or index.amax().item() >= n):
        raise IndexError(f"index_select(): index out of range for dimension {d} with size {n}")
    return _take(input, reshape(index, -1).to(dtypes.int64), d)


def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements of the flattened input at `index`, in `index`'s shape."""
    return _take(reshape(input, -1), _wrapped(index, input.numel(), 0, "take"), 0)


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
    if index.numel() and (index.amin().item() < 0 or index.amax().item() >= n):
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
            _gather(reshape(input, -1), reshape(index, -1).to(dtypes.int64), 0), index._data.shape
        )
    return _gather(input, index.to(dtypes.int64), d)


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
        return _scatter_add(input, index.to(dtypes.int64), source, d)
    if reduce is not None:
        raise RuntimeError(f"scatter(): reduce argument must be None or 'add' here, got {reduce!r}")
    return _scatter(input, index.to(dtypes.int64), source, d)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """`input` with `src` added at `index` along `dim`; duplicates accumulate."""
    d = _checked_index(input, dim, index, "scatter_add")
    return _scatter_add(input, index.to(dtypes.int64), _source(input, index, src), d)


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """`input` with `alpha * source` added at the 1-D `index` along `dim`; duplicates accumulate."""
    d = dim_of(dim, input.ndim)
    index = _wrapped(reshape(index, -1), input._data.shape[d], d, "index_add")
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
        input, _wrapped(reshape(index, -1), input._data.shape[d], d, "index_copy"), source, d
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
        view, rest = _basic(out, _expanded(out, tuple(indices)))
        dims, found, _ = _plan(view, rest)
        rows, linear, order = _rows(view, dims, found)
        source = _fit(values.to(out.dtype), [*linear._data.shape, *rows._data.shape[1:]])
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
        return _nonzero(reshape(input, 1) if input.ndim == 0 else input).unbind(1)
    return _nonzero(input)


argwhere = nonzero


def _diagonal_at(shape: Any, offset: int) -> tuple[int, int]:
    """Length and start of a diagonal in the flattened (n, m) plane."""
    n, m = shape
    size = max(0, min(n, m - offset) if offset >= 0 else min(n + offset, m))
    return size, max(-offset, 0) * m + max(offset, 0)


def _diagonal_taken(input: Tensor, offset: int, a: int, b: int) -> Tensor:
    rest = [d for d in range(input.ndim) if d not in (a, b)]
    n, m = input._data.shape[a], input._data.shape[b]
    size, start = _diagonal_at((n, m), offset)
    flat = reshape(permute(input, [*rest, a, b]), *[input._data.shape[d] for d in rest], n * m)
    return _take(flat, arange(size, device=input.device) * (m + 1) + start, flat.ndim - 1)


def _diagonal_put(g: Tensor, shape: Any, offset: int, a: int, b: int) -> Tensor:
    rest = [d for d in range(len(shape)) if d not in (a, b)]
    n, m = shape[a], shape[b]
    size, start = _diagonal_at((n, m), offset)
    lead = [shape[d] for d in rest]
    index = arange(size, device=g.device) * (m + 1) + start
    flat = index_copy_op(zeros(*lead, n * m, dtype=g.dtype, device=g.device), index, g, len(lead))
    order = [*rest, a, b]
    return permute(reshape(flat, *lead, n, m), [order.index(d) for d in range(len(shape))])


_diagonal = view_op(
    "diagonal",
    ("offset", "dim1", "dim2"),
    lambda g, input_shape, offset, dim1, dim2: _diagonal_put(g, input_shape, offset, dim1, dim2),
    "The diagonal of the planes of dim1 and dim2, as a new last dimension.",
    decompose=_diagonal_taken,
)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of the planes of `dim1` and `dim2`, as a new last dimension: a view."""
    a, b = dim_of(dim1, input.ndim), dim_of(dim2, input.ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return _diagonal(input, offset, a, b)


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with the last dimension of `input` on their diagonal."""
    n = input._data.shape[-1] + abs(offset)
    a, b = dim_of(dim1, input.ndim + 1), dim_of(dim2, input.ndim + 1)
    index = (
        arange(input._data.shape[-1], device=input.device) * (n + 1)
        + max(-offset, 0) * n
        + max(offset, 0)
    )
    lead = input._data.shape[:-1]
    flat = index_copy_op(
        zeros(*lead, n * n, dtype=input.dtype, device=input.device), index, input, len(lead)
    )
    return reshape(flat, *lead, n, n).movedim((-2, -1), (a, b))


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or the matrix with a vector on its diagonal."""
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    return _diagonal(input, diagonal, 0, 1).clone()


def _triangle(input: Tensor, k: int, upper: bool) -> Tensor:
    if input.ndim < 2:
        raise RuntimeError(
            f"{'triu' if upper else 'tril'}: input tensor must have at least 2 dimensions"
        )
    n, m = input._data.shape[-2:]
    away = arange(m, device=input.device) - arange(n, device=input.device).unsqueeze(1)
    return where(
        away >= k if upper else away <= k,
        input,
        full((), 0, dtype=input.dtype, device=input.device),
    )


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle, zeros elsewhere."""
    return _triangle(input, diagonal, False)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle, zeros elsewhere."""
    return _triangle(input, diagonal, True)


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
    return _take(input, index, d)


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
