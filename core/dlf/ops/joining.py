"""Joining tensors, and what is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..tensor import Tensor
from .copying import clone
from .movement import (
    atleast_1d,
    atleast_2d,
    dim_of,
    expand,
    ravel,
    reshape,
    sizes_of,
    transpose,
    unsqueeze,
)
from .pieces import concat_tensors
from .slicing import flip
from .splitting import split


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Shifted along `dims`, what leaves at one end entering at the other."""
    if dims is None or dims == ():
        return reshape(roll(ravel(input), shifts, 0), input._data.shape)
    pairs = zip(
        shifts if isinstance(shifts, (tuple, list)) else (shifts,),
        dims if isinstance(dims, (tuple, list)) else (dims,),
        strict=True,
    )
    for shift, dim in pairs:
        n = input._data.shape[dim_of(dim, input.ndim)]
        if n and shift % n:
            a, b = split(input, [n - shift % n, shift % n], dim)
            input = cat((b, a), dim)
    return input if input._version is None else clone(input)


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Rotated by `k` quarter turns in the plane of `dims`."""
    a, b = dims
    k %= 4
    if k == 0:
        return clone(input)
    if k == 2:
        return flip(input, a, b)
    return flip(transpose(input, a, b), a if k == 1 else b)


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors joined along `dim`; dtypes are promoted, and 1-D empty ones are skipped, as in
    PyTorch."""
    parts = list(tensors)
    if not parts:
        raise ValueError("cat(): expected a non-empty list of Tensors")
    for i, p in enumerate(parts):
        if not isinstance(p, Tensor):
            raise TypeError(f"cat(): expected Tensor as element {i}, but got {type(p).__name__}")
        if not p._data.shape:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
        if p.device is not parts[0].device:
            raise RuntimeError(
                f"cat: expected all tensors on one device, got {parts[0].device} and {p.device}"
            )
    from ..dtypes import promote

    kind = promote(parts)
    parts = [p.to(kind) for p in parts if tuple(p._data.shape) != (0,)] or [parts[0].to(kind)]
    d = dim_of(dim, parts[0].ndim)
    first = parts[0]._data.shape
    for i, p in enumerate(parts):
        s = p._data.shape
        if len(s) != len(first) or any(
            m != n for j, (m, n) in enumerate(zip(s, first, strict=True)) if j != d
        ):
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {d}. Expected {list(first)} but "
                f"got {list(s)} for tensor number "
                f"{i} in the list"
            )
    return concat_tensors(parts, d)


concat = concatenate = cat


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape joined along a new dimension."""
    parts = list(tensors)
    if not parts:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = parts[0]._data.shape
    for i, p in enumerate(parts):
        if p._data.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(p.shape)} at entry {i}"
            )
    d = dim_of(dim, len(shape) + 1)
    return cat([unsqueeze(p, d) for p in parts], d)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined column-wise."""
    parts = [atleast_1d(p) for p in tensors]
    return cat(parts, 0 if parts[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined row-wise."""
    return cat([atleast_2d(p) for p in tensors], 0)


def tile(input: Tensor, *dims: Any) -> Tensor:
    """Repeated as `repeat`, with missing leading counts taken as 1."""
    counts = sizes_of(dims)
    return repeat(input, (1,) * (input.ndim - len(counts)) + counts)


def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """A copy repeated that many times along each dimension."""
    counts = sizes_of(repeats)
    shape = input._data.shape
    if len(counts) < len(shape):
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    padded = (1,) * (len(counts) - len(shape)) + tuple(shape)
    mixed = reshape(input, [n for s in padded for n in (1, s)])
    wide = expand(mixed, [n for c, s in zip(counts, padded, strict=True) for n in (c, s)])
    return reshape(clone(wide), [c * s for c, s in zip(counts, padded, strict=True)])


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Grids of coordinates from vectors, in matrix (``ij``) or Cartesian (``xy``) order."""
    rows = (
        list(tensors[0])
        if len(tensors) == 1 and isinstance(tensors[0], (tuple, list))
        else list(tensors)
    )
    if indexing not in ("ij", "xy"):
        raise RuntimeError(
            f"meshgrid: indexing must be one of 'xy' or 'ij', but received: {indexing}"
        )
    swap = indexing == "xy" and len(rows) > 1
    if swap:
        rows[0], rows[1] = rows[1], rows[0]
    shape = [r.numel() for r in rows]
    grids = [
        expand(reshape(r, [-1 if i == j else 1 for j in range(len(rows))]), shape)
        for i, r in enumerate(rows)
    ]
    if swap:
        grids = [transpose(g, 0, 1) for g in grids]
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)
