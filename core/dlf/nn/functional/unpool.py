"""Values put back to where pooling took them from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlf.ops.conv import volume

from .pool import IntOr, _steps

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = ["max_unpool1d", "max_unpool2d", "max_unpool3d"]


def _max_unpool(
    n: int,
    input: Tensor,
    indices: Tensor,
    kernel_size: IntOr,
    stride: IntOr | None,
    padding: IntOr,
    output_size: Sequence[int] | None,
) -> Tensor:
    name = f"max_unpool{n}d"
    kernel, strides, pads = _steps(name, n, kernel_size, stride, padding)
    default = tuple(
        (size - 1) * s + k - 2 * p
        for size, s, k, p in zip(input.shape[-n:], strides, kernel, pads, strict=True)
    )
    wanted = default if output_size is None else tuple(output_size)[-n:]
    for have, want, s in zip(default, wanted, strides, strict=True):
        if not have - s < want < have + s:
            raise ValueError(
                f"invalid output_size {list(wanted)}: each must be within stride of {list(default)}"
            )
    if input.shape != indices.shape:
        raise RuntimeError(
            "Expected shape of indices to be same as that of the input tensor "
            f"({list(input.shape)}) but got indices tensor with shape: {list(indices.shape)}"
        )
    lead = tuple(input.shape[:-n])
    zeros = input.new_zeros((*lead, volume(wanted)))
    flat = zeros.scatter(-1, indices.reshape(*lead, -1), input.reshape(*lead, -1))
    return flat.reshape(*lead, *wanted)


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: IntOr,
    stride: IntOr | None = None,
    padding: IntOr = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Partial inverse of `max_pool1d`: maxima at their `indices`, zeros elsewhere."""
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: IntOr,
    stride: IntOr | None = None,
    padding: IntOr = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Partial inverse of `max_pool2d`: maxima at their `indices`, zeros elsewhere."""
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: IntOr,
    stride: IntOr | None = None,
    padding: IntOr = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Partial inverse of `max_pool3d`: maxima at their `indices`, zeros elsewhere."""
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)
