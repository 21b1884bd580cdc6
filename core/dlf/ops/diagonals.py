"""Diagonals and triangles of matrices."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from .creation import arange, full, zeros
from .lookup import index_copy_op, take_op
from .movement import dim_of, permute, reshape
from .views import view_op
from .where import where


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
    return take_op(flat, arange(size, device=input.device) * (m + 1) + start, flat.ndim - 1)


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
