"""The primitives that read and write at places given by an integer tensor."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..registry import primitive
from ..tensor import Tensor
from .creation import zeros
from .movement import reshape
from .where import where

take_op = primitive(
    "take",
    ("input", "index", "dim"),
    inputs=2,
    doc="Entries along `dim`; int64 `index` of any shape, which stands in the place of `dim`.",
    dtype=lambda x, i, dim: x,
    vjp=(lambda g, input_shape, index, dim: _untake(g, input_shape, index, dim), None),
)
index_add_op = primitive(
    "index_add",
    ("input", "index", "source", "dim"),
    inputs=3,
    doc="A copy to which `source` is added at the 1-D `index` along `dim`; equal places sum up.",
    dtype=lambda x, i, s, dim: x,
    vjp=(lambda g: g, None, lambda g, index, dim: take_op(g, index, dim)),
)
index_copy_op = primitive(
    "index_copy",
    ("input", "index", "source", "dim"),
    inputs=3,
    doc="A copy in which `source` stands at the 1-D `index` along `dim`.",
    dtype=lambda x, i, s, dim: x,
    vjp=(
        lambda g, index, source_shape, dim: index_copy_op(
            g, index, zeros(source_shape, dtype=g.dtype, device=g.device), dim
        ),
        None,
        lambda g, index, dim: take_op(g, index, dim),
    ),
)
gather_op = primitive(
    "gather",
    ("input", "index", "dim"),
    inputs=2,
    doc="Entries whose place along `dim` is `index`, of the result's shape; others are their own.",
    dtype=lambda x, i, dim: x,
    vjp=(
        lambda g, input_shape, index, dim: scatter_add_op(
            zeros(input_shape, dtype=g.dtype, device=g.device), index, g, dim
        ),
        None,
    ),
)
scatter_op = primitive(
    "scatter",
    ("input", "index", "source", "dim"),
    inputs=3,
    doc="A copy in which `source` stands at the places that `gather` would read.",
    dtype=lambda x, i, s, dim: x,
    vjp=(
        lambda g, index, dim: scatter_op(
            g, index, zeros(index._data.shape, dtype=g.dtype, device=g.device), dim
        ),
        None,
        lambda g, index, dim, source_shape: _within(gather_op(g, index, dim), source_shape),
    ),
)
scatter_add_op = primitive(
    "scatter_add",
    ("input", "index", "source", "dim"),
    inputs=3,
    doc="A copy to which `source` is added at those places; equal places sum up.",
    dtype=lambda x, i, s, dim: x,
    vjp=(
        lambda g: g,
        None,
        lambda g, index, dim, source_shape: _within(gather_op(g, index, dim), source_shape),
    ),
)
nonzero_op = primitive(
    "nonzero",
    ("input",),
    dtype=dtypes.int64,
    doc="int64 places of what is not 0, in order: (count, dimensions).",
)


def _within(g: Tensor, shape: Any) -> Tensor:
    """`g` padded with zeros to the source's shape: what lies outside the index was not read."""
    from .slicing import constant_pad

    if g._data.shape == shape:
        return g
    return constant_pad(g, [(0, n - m) for m, n in zip(g._data.shape, shape, strict=True)])


def _untake(g: Tensor, shape: Any, index: Tensor, dim: int) -> Tensor:
    flat = reshape(index, -1)
    source = reshape(g, *shape[:dim], flat._data.shape[0], *shape[dim + 1 :])
    return index_add_op(zeros(shape, dtype=g.dtype, device=g.device), flat, source, dim)


def checked_places(index: Tensor, n: int, dim: int, name: str) -> Tensor:
    """A non-negative int64 index; IndexError for one out of range, for another dtype too."""
    if index.dtype not in (dtypes.int64, dtypes.int32, dtypes.int16, dtypes.int8, dtypes.uint8):
        raise IndexError(
            f"tensors used as indices must be long, int, byte or bool tensors, got {index.dtype}"
        )
    index = index.to(dtypes.int64)
    if not index.device.checks:
        return where(index < 0, index + n, index)
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
    return take_op(input, index, dim)
