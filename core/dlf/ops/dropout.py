"""Dropout: a random mask, and an op that applies it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dlf
from dlf.registry import composite

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = ["keep_mask", "masked_scale"]


def keep_mask(input: Tensor, shape: tuple[int, ...], p: float) -> Tensor:
    """A bool tensor of `shape` on the input's device, False with probability `p`."""
    return dlf.rand(shape, device=input.device) >= p


@composite(inputs=2, vjp=(lambda g, mask, scale: masked_scale(g, mask, scale), None))
def masked_scale(input: Tensor, mask: Tensor, scale: float) -> Tensor:
    """``input * mask * scale``; `mask` is bool and broadcasts with `input` (Srivastava et al.,
    2014).
    """
    return input * mask * scale
