"""Rows of a table by index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlf.registry import composite

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = ["embedding", "embedding_backward"]


@composite(
    inputs=2,
    vjp=(
        lambda g, indices, num_rows, padding_idx, scale_by_freq: _picked(
            g, indices, num_rows, padding_idx, scale_by_freq
        ),
        None,
    ),
)
def embedding_backward(
    grad: Tensor, indices: Tensor, num_rows: int, padding_idx: int, scale_by_freq: bool
) -> Tensor:
    """Gradient of `embedding` by the table: ``(*indices, D) -> (num_rows, D)``.

    The row `padding_idx` gets none (-1: no such row); `scale_by_freq` divides by how often an index
    occurs.
    """
    flat = indices.reshape(-1)
    rows = grad.reshape(flat.shape[0], grad.shape[-1])
    factor = _factor(flat, num_rows, padding_idx, scale_by_freq, rows)
    if factor is not None:
        rows = rows * factor
    return grad.new_zeros((num_rows, grad.shape[-1])).index_add(0, flat, rows)


def _factor(
    flat: Tensor, num_rows: int, padding_idx: int, scale_by_freq: bool, like: Tensor
) -> Tensor | None:
    """What every looked-up row's gradient is multiplied with, ``(count, 1)``."""
    factor = None
    if padding_idx >= 0:
        factor = (flat != padding_idx).to(like.dtype)
    if scale_by_freq:
        ones = like.new_ones(flat.shape)
        counts = like.new_zeros((num_rows,)).index_add(0, flat, ones)
        share = 1 / counts.index_select(0, flat)
        factor = share if factor is None else factor * share
    return None if factor is None else factor.unsqueeze(-1)


def _picked(
    g: Tensor, indices: Tensor, num_rows: int, padding_idx: int, scale_by_freq: bool
) -> Tensor:
    flat = indices.reshape(-1)
    rows = g.index_select(0, flat)
    factor = _factor(flat, num_rows, padding_idx, scale_by_freq, rows)
    if factor is not None:
        rows = rows * factor
    return rows.reshape(*indices.shape, g.shape[-1])


@composite(
    inputs=2,
    vjp=(
        lambda g, weight, indices, padding_idx, scale_by_freq: embedding_backward(
            g, indices, weight.shape[0], padding_idx, scale_by_freq
        ),
        None,
    ),
)
def embedding(weight: Tensor, indices: Tensor, padding_idx: int, scale_by_freq: bool) -> Tensor:
    """Rows of `weight` ``(V, D)`` by `indices` of any shape: ``(*indices, D)``.

    `padding_idx` (-1: none) and `scale_by_freq` change only the gradient, see `embedding_backward`.
    """
    rows = weight.index_select(0, indices.reshape(-1))
    return rows.reshape(*indices.shape, *weight.shape[1:])
