"""Patches and rearranged channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlf.ops import conv as ops
from dlf.ops.conv import output_size, symmetric, volume

from ._check import Ints, tuple_of

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = [
    "channel_shuffle",
    "fold",
    "native_channel_shuffle",
    "pixel_shuffle",
    "pixel_unshuffle",
    "unfold",
]

IntOr = int | Sequence[int]


def _window(
    kernel_size: IntOr, dilation: IntOr, padding: IntOr, stride: IntOr
) -> tuple[Ints, Ints, Ints, Ints]:
    kernel = tuple_of(kernel_size, 2, "kernel_size")
    dilations = tuple_of(dilation, 2, "dilation")
    pads = tuple_of(padding, 2, "padding")
    strides = tuple_of(stride, 2, "stride")
    for label, values, least in (
        ("kernel size", kernel, 1),
        ("dilation", dilations, 1),
        ("padding", pads, 0),
        ("stride", strides, 1),
    ):
        if min(values) < least:
            raise RuntimeError(f"{label} should be at least {least}, but got {list(values)}")
    return kernel, dilations, pads, strides


def unfold(
    input: Tensor,
    kernel_size: IntOr,
    dilation: IntOr = 1,
    padding: IntOr = 0,
    stride: IntOr = 1,
) -> Tensor:
    """Patches of ``(N, C, H, W)`` or ``(C, H, W)`` as columns: ``(N, C * KH * KW, patches)``."""
    kernel, dilations, pads, strides = _window(kernel_size, dilation, padding, stride)
    if input.ndim not in (3, 4):
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(input.shape)}"
        )
    batched = input.ndim == 4
    if not batched:
        input = input.unsqueeze(0)
    size = tuple(input.shape[2:])
    out = output_size(size, kernel, strides, symmetric(pads), dilations)
    if min(out) < 1:
        raise RuntimeError(
            f"Given input with spatial size {size}, kernel_size={kernel}, dilation={dilations}, "
            f"padding={pads}, calculated shape of the array of sliding blocks as {out}, but its "
            "components must be at least one."
        )
    patches = ops.im2col(input, kernel, strides, symmetric(pads), dilations)
    rows = input.shape[1] * volume(kernel)
    columns: Tensor = patches.reshape(input.shape[0], rows, volume(out))
    return columns if batched else columns.squeeze(0)


def fold(
    input: Tensor,
    output_size: IntOr,
    kernel_size: IntOr,
    dilation: IntOr = 1,
    padding: IntOr = 0,
    stride: IntOr = 1,
) -> Tensor:
    """Sum of columns ``(N, C * KH * KW, patches)`` where `unfold` took them from:
    ``(N, C, *output_size)``.
    """
    kernel, dilations, pads, strides = _window(kernel_size, dilation, padding, stride)
    size = tuple_of(output_size, 2, "output_size")
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 2D or 3D (batch mode) tensor for input, got {list(input.shape)}"
        )
    batched = input.ndim == 3
    if not batched:
        input = input.unsqueeze(0)
    if input.shape[1] % volume(kernel):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={input.shape[1]} and kernel_size={kernel}."
        )
    out = ops.output_size(size, kernel, strides, symmetric(pads), dilations)
    if input.shape[2] != volume(out):
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={kernel}, dilation={dilations}, "
            f"padding={pads}, stride={strides}, expected size of input's dimension 2 to match the "
            f"calculated number of sliding blocks {volume(out)}, but got "
            f"input.size(2)={input.shape[2]}."
        )
    channels = input.shape[1] // volume(kernel)
    patches = input.reshape(input.shape[0], channels, volume(kernel), *out)
    result: Tensor = ops.col2im(patches, size, kernel, strides, symmetric(pads), dilations)
    return result if batched else result.squeeze(0)


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """``(*, C * r * r, H, W) -> (*, C, H * r, W * r)`` (Shi et al., 2016)."""
    r = upscale_factor
    if input.ndim < 3:
        raise RuntimeError(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got {input.ndim}"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, channels, height, width = input.shape
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}"
        )
    n = len(lead)
    split = input.reshape(*lead, channels // (r * r), r, r, height, width)
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    shuffled: Tensor = split.permute(order)
    return shuffled.reshape(*lead, channels // (r * r), height * r, width * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """``(*, C, H * r, W * r) -> (*, C * r * r, H, W)``: inverse of `pixel_shuffle`."""
    r = downscale_factor
    if input.ndim < 3:
        raise RuntimeError(
            f"pixel_unshuffle expects input to have at least 3 dimensions, but got {input.ndim}"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, channels, height, width = input.shape
    if height % r or width % r:
        raise RuntimeError(
            "pixel_unshuffle expects height and width to be divisible by downscale_factor, but got "
            f"{height}, {width} and {r}"
        )
    n = len(lead)
    split = input.reshape(*lead, channels, height // r, r, width // r, r)
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    shuffled: Tensor = split.permute(order)
    return shuffled.reshape(*lead, channels * r * r, height // r, width // r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels of ``(N, C, ...)`` dealt out across `groups` (Zhang et al., 2018)."""
    if input.ndim < 3:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes "
            f"{list(input.shape)}"
        )
    samples, channels, *size = input.shape
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive, got {groups}")
    if channels % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and "
            f"{groups} groups."
        )
    split = input.reshape(samples, groups, channels // groups, *size)
    shuffled: Tensor = split.transpose(1, 2)
    return shuffled.reshape(input.shape)


native_channel_shuffle = channel_shuffle
