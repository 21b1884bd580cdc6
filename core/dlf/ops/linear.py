"""Affine maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dlf
from dlf.registry import composite

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = ["bilinear", "linear"]


def _rows(tensor: Tensor) -> Tensor:
    """All leading dimensions as one."""
    if tensor.ndim == 2:
        return tensor
    features = tensor.shape[-1]
    count = 1
    for size in tensor.shape[:-1]:
        count *= size
    return tensor.reshape(count, features)


@composite(
    inputs=3,
    vjp=(
        lambda g, weight: g @ weight,
        lambda g, input: _rows(g).mT @ _rows(input),
        lambda g: _rows(g).sum(0),
    ),
)
def linear(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``input @ weight.T + bias``: ``(..., in), (out, in), (out,) -> (..., out)``."""
    product = input @ weight.mT
    return product if bias is None else product + bias


@composite(inputs=4)
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``input1 @ weight[o] @ input2 + bias``: ``(..., a), (..., b), (out, a, b) -> (..., out)``."""
    product = dlf.einsum("...i,oij,...j->...o", input1, weight, input2)
    return product if bias is None else product + bias
