"""Distances and similarities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dlf
from dlf.amp.listed import listed

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = ["cosine_similarity", "pairwise_distance", "pdist"]


@listed
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """``x1 . x2 / (max(|x1|, eps) * max(|x2|, eps))`` along `dim`; the inputs broadcast."""
    x1, x2 = dlf.broadcast_tensors(x1, x2)
    n1 = x1.norm(2, dim, keepdim=True).clamp(min=eps)
    n2 = x2.norm(2, dim, keepdim=True).clamp(min=eps)
    result: Tensor = ((x1 / n1) * (x2 / n2)).sum(dim)
    return result


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """p-norm of ``x1 - x2 + eps`` over the last dimension; the inputs broadcast."""
    result: Tensor = (x1 - x2 + eps).norm(p, -1, keepdim=keepdim)
    return result


def pdist(input: Tensor, p: float = 2) -> Tensor:
    """p-norm distances of all pairs of rows of ``(N, M)``: ``(N * (N - 1) / 2,)``."""
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    count = input.shape[0]
    first = [i for i in range(count) for _ in range(i + 1, count)]
    second = [j for i in range(count) for j in range(i + 1, count)]
    if not first:
        return input.new_zeros((0,))
    rows = [
        input.index_select(0, dlf.tensor(at, dtype=dlf.int64, device=input.device))
        for at in (first, second)
    ]
    return (rows[0] - rows[1]).norm(p, -1)
