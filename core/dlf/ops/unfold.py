"""`unfold`: overlapping windows along a dimension."""

from __future__ import annotations

from ..tensor import Tensor
from .joining import stack
from .movement import dim_of
from .slicing import slice_along


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """All windows of `size` along `dimension`, `step` apart, in a new last dimension."""
    d = dim_of(dimension, input.ndim)
    n = input._data.shape[d]
    if size > n or step <= 0:
        raise RuntimeError(
            f"maximum size for tensor at dimension {d} is {n} but size is {size} (step {step})"
        )
    count = (n - size) // step + 1
    return stack([slice_along(input, d, k, step, count) for k in range(size)], -1)
