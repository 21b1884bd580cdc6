"""Indexing: basic indices make views; tensors, masks and sequences gather and scatter."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .. import dtypes
from ..inplace import check_writable, write
from ..tensor import Tensor
from .creation import arange, as_tensor, full, tensor, zeros
from .lookup import checked_places, index_copy_op, nonzero_op, take_op
from .movement import broadcast_tensors, expand, permute, reshape, unsqueeze
from .slicing import select, slice_along
from .where import where


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


def expanded_index(x: Tensor, index: Any) -> list[Any]:
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


def basic_part(x: Tensor, items: list[Any]) -> tuple[Tensor, list[Any]]:
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
                rest.extend(nonzero_op(item).unbind(1))
                d += item.ndim
            else:
                rest.append(checked_places(item, x._data.shape[d], d, "index"))
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
    return slice_along(x, d, start if size else 0, step, size)


def advanced_plan(x: Tensor, rest: list[Any]) -> tuple[list[int], list[Tensor], bool]:
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


def rows_at(x: Tensor, dims: list[int], indices: list[Tensor]) -> tuple[Tensor, Tensor, list[int]]:
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
    view, rest = basic_part(x, expanded_index(x, index))
    if not any(r is not None for r in rest):
        return view if view is not x else _alias(x)
    dims, indices, together = advanced_plan(view, rest)
    rows, linear, _ = rows_at(view, dims, indices)
    out = take_op(rows, linear, 0)
    if together and dims[0]:
        k = linear.ndim
        out = permute(out, [*range(k, k + dims[0]), *range(k), *range(k + dims[0], out.ndim)])
    return out


def _alias(x: Tensor) -> Tensor:
    return permute(x, list(range(x.ndim)))


def setitem(x: Tensor, index: Any, value: Any) -> None:
    """``x[index] = value`` in place; gradients flow to both."""
    items = expanded_index(x, index)
    check_writable(x, "setitem")
    if (
        len(items) == 1
        and isinstance(items[0], Tensor)
        and items[0].dtype is dtypes.bool
        and not isinstance(value, Tensor)
    ) and items[0]._data.shape == x._data.shape:
        write(x, where(items[0], value, x).to(x.dtype), "setitem")
        return
    view, rest = basic_part(x, items)
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
        _store(x, items, view, fit_source(source, view._data.shape))
        return
    dims, indices, together = advanced_plan(view, rest)
    rows, linear, order = rows_at(view, dims, indices)
    k = linear.ndim
    shape = [*linear._data.shape, *rows._data.shape[1:]]
    if together and dims[0]:
        back = [*range(k, k + dims[0]), *range(k), *range(k + dims[0], len(shape))]
        source = fit_source(source, [shape[i] for i in back])
        source = permute(source, [back.index(i) for i in range(len(shape))])
    else:
        source = fit_source(source, shape)
    new = index_copy_op(
        rows, reshape(linear, -1), reshape(source, linear.numel(), *rows._data.shape[1:]), 0
    )
    moved = reshape(new, [view._data.shape[d] for d in order])
    _store(x, items, view, permute(moved, [order.index(d) for d in range(view.ndim)]))


def _store(x: Tensor, items: list[Any], view: Tensor, source: Tensor) -> None:
    """Write `source` to the part of `x` that its basic indices pick, of which `view` is the view.

    Where the device has no views, the whole of `x` is written, with the part in its place.
    """
    if x.device.views or view is x:
        write(view, overwrite(view, source), "setitem")
        return
    places, _ = basic_part(reshape(arange(x.numel(), device=x.device), x._data.shape), items)
    flat = index_copy_op(reshape(x, -1), reshape(places, -1), reshape(source, -1), 0)
    write(x, reshape(flat, x._data.shape), "setitem")


def fit_source(source: Tensor, shape: Any) -> Tensor:
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
