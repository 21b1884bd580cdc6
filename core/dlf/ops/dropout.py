"""Dropout: a random mask, and the ops that apply it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dlf
from dlf import dtypes, random
from dlf.registry import composite

from . import random_kernels

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = ["drop", "dropout", "keep_mask", "masked_scale"]


def drop(input: Tensor, shape: tuple[int, ...], p: float) -> Tensor:
    """`input` times a mask of `shape`, 0 with probability `p`, and times ``1 / (1 - p)``.

    `p` is below 1. The numbers are those of the default generator of the input's device.
    """
    source = random.source(input.device, None)
    result: Tensor
    whole = shape == input._data.shape and input.dtype.is_floating_point
    if source.on_host or not whole:
        result = masked_scale(input, keep_mask(input, shape, p), 1 / (1 - p))
    else:
        result, _ = dropout(input, p, *source._reserve(input.numel()))
    return result


def keep_mask(input: Tensor, shape: tuple[int, ...], p: float) -> Tensor:
    """A bool tensor of `shape` on the input's device, False with probability `p`."""
    return dlf.rand(shape, device=input.device) >= p


def scale_of(p: float) -> float:
    """What makes up for dropping with probability `p`; 0 where all is dropped."""
    return 1 / (1 - p) if p < 1 else 0.0


@composite(inputs=2, vjp=(lambda g, mask, scale: masked_scale(g, mask, scale), None))
def masked_scale(input: Tensor, mask: Tensor, scale: float) -> Tensor:
    """``input * mask * scale``; `mask` is bool and broadcasts with `input` (Srivastava et al.,
    2014).
    """
    return input * mask * scale


@composite(
    inputs=1,
    outputs=2,
    dtype=lambda input, *_: (input, dtypes.bool),
    vjp=lambda g, out, p: masked_scale(g[0], out[1], scale_of(p)),
)
def dropout(input: Tensor, p: float, seed: int, offset: int) -> tuple[Tensor, Tensor]:
    """`masked_scale` by ``1 / (1 - p)``, and its mask: where `random_uniform` gives p or more.

    For devices that draw by themselves; see the group ``random`` of the kernel contract. The
    numbers are float32 whatever the input's dtype. ``p = 1`` drops all.
    """
    drawn = random_kernels.uniform_at(input._data.shape, dtypes.float32, input.device, seed, offset)
    mask: Tensor = drawn >= p
    return masked_scale(input, mask, scale_of(p)), mask
