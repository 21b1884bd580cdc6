"""Convolutions and transposed convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dlf.amp.listed import listed
from dlf.ops import conv as ops

from ._check import Ints, same_dtype, tuple_of

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]

IntOr = int | Sequence[int]


def _check_input(name: str, input: Tensor, weight: Tensor, bias: Tensor | None, n: int) -> None:
    if weight.ndim != n + 2 or input.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"{name}: expected {n + 1}-D (unbatched) or {n + 2}-D (batched) input and {n + 2}-D "
            f"weight, got input of size {list(input.shape)} and weight of size {list(weight.shape)}"
        )
    same_dtype(name, input=input, weight=weight, bias=bias)


def _check_bias(name: str, bias: Tensor | None, channels: int) -> None:
    if bias is not None and tuple(bias.shape) != (channels,):
        raise RuntimeError(
            f"{name}: expected bias to be 1-dimensional with {channels} elements, but got bias of "
            f"size {list(bias.shape)}"
        )


def _check_steps(name: str, stride: Ints, dilation: Ints, groups: int) -> None:
    if groups <= 0:
        raise RuntimeError(f"{name}: groups must be positive, got {groups}")
    if min(stride) <= 0:
        raise RuntimeError(f"{name}: non-positive stride is not supported, got {list(stride)}")
    if min(dilation) <= 0:
        raise RuntimeError(f"{name}: dilation should be greater than zero, got {list(dilation)}")


def _same(
    name: str, input: Tensor, kernel: Ints, stride: Ints, dilation: Ints
) -> tuple[Tensor, Ints]:
    """Padding for a result of the input's size; what the ends differ by is put on here."""
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    extra = tuple((0, total % 2) for total in totals)
    return ops.pad_spatial(input, extra), tuple(total // 2 for total in totals)


def _conv(
    n: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: IntOr,
    padding: str | IntOr,
    dilation: IntOr,
    groups: int,
) -> Tensor:
    name = f"conv{n}d"
    _check_input(name, input, weight, bias, n)
    strides, dilations = tuple_of(stride, n, "stride"), tuple_of(dilation, n, "dilation")
    _check_steps(name, strides, dilations, groups)
    kernel = tuple(weight.shape[2:])
    batched = input.ndim == n + 2
    if not batched:
        input = input.unsqueeze(0)
    channels, outputs = input.shape[1], weight.shape[0]
    if channels != weight.shape[1] * groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight.shape)}, expected "
            f"input{list(input.shape)} to have {weight.shape[1] * groups} channels, but got "
            f"{channels} channels instead"
        )
    if outputs % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size {list(weight.shape)} instead"
        )
    _check_bias(name, bias, outputs)
    if isinstance(padding, str):
        if padding == "same":
            input, pads = _same(name, input, kernel, strides, dilations)
        elif padding == "valid":
            pads = (0,) * n
        else:
            raise RuntimeError(f"Invalid padding string: '{padding}'; use 'same' or 'valid'")
    else:
        pads = tuple_of(padding, n, "padding")
        if min(pads) < 0:
            raise RuntimeError(f"{name}: negative padding is not supported, got {list(pads)}")
    for size, k, p, d in zip(input.shape[2:], kernel, pads, dilations, strict=True):
        if size + 2 * p < d * (k - 1) + 1:
            padded = [extent + 2 * q for extent, q in zip(input.shape[2:], pads, strict=True)]
            raise RuntimeError(
                f"Calculated padded input size per channel: {padded}. Kernel size: {list(kernel)}. "
                "Kernel size can't be greater than actual input size"
            )
    result = _run(n, input, weight, bias, strides, pads, dilations, groups)
    return result if batched else result.squeeze(0)


def _run(
    n: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
) -> Any:
    if n == 1:
        result = ops.conv2d(
            input.unsqueeze(2), weight.unsqueeze(2), bias,
            (1, *stride), (0, *padding), (1, *dilation), groups,
        )  # fmt: skip
        return result.squeeze(2)
    op = ops.conv2d if n == 2 else ops.conv3d
    return op(input, weight, bias, stride, padding, dilation, groups)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOr = 1,
    padding: str | IntOr = 0,
    dilation: IntOr = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation: ``(N, C, L), (O, C / groups, K), (O,) -> (N, O, L')``; `N` may be left
    out.

    `padding` is a number of zeros on both sides, ``"valid"`` (none) or ``"same"``. RuntimeError if
    the shapes or dtypes do not fit.
    """
    return _conv(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOr = 1,
    padding: str | IntOr = 0,
    dilation: IntOr = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation: ``(N, C, H, W), (O, C / groups, KH, KW), (O,) -> (N, O, H', W')``.

    ``H' = (H + 2 * padding - dilation * (KH - 1) - 1) // stride + 1``; the rest is as in `conv1d`.
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOr = 1,
    padding: str | IntOr = 0,
    dilation: IntOr = 1,
    groups: int = 1,
) -> Tensor:
    """`conv2d` with a further dimension: ``(N, C, D, H, W), (O, C / groups, KD, KH, KW)``."""
    return _conv(3, input, weight, bias, stride, padding, dilation, groups)


def _conv_transpose(
    n: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: IntOr,
    padding: IntOr,
    output_padding: IntOr,
    groups: int,
    dilation: IntOr,
) -> Tensor:
    name = f"conv_transpose{n}d"
    _check_input(name, input, weight, bias, n)
    strides, dilations = tuple_of(stride, n, "stride"), tuple_of(dilation, n, "dilation")
    pads, extras = tuple_of(padding, n, "padding"), tuple_of(output_padding, n, "output_padding")
    _check_steps(name, strides, dilations, groups)
    for extra, s, d in zip(extras, strides, dilations, strict=True):
        if extra < 0 or extra >= max(s, d):
            raise RuntimeError(
                "output padding must be smaller than either stride or dilation, but got "
                f"output_padding {list(extras)}, stride {list(strides)}, dilation {list(dilations)}"
            )
    batched = input.ndim == n + 2
    if not batched:
        input = input.unsqueeze(0)
    if input.shape[1] != weight.shape[0]:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(weight.shape)}, expected input"
            f"{list(input.shape)} to have {weight.shape[0]} channels, but got {input.shape[1]} "
            "channels instead"
        )
    if weight.shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size {list(weight.shape)} instead"
        )
    channels = weight.shape[1] * groups
    _check_bias(name, bias, channels)
    size = tuple(
        (length - 1) * s - 2 * p + d * (k - 1) + extra + 1
        for length, s, p, d, k, extra in zip(
            input.shape[2:], strides, pads, dilations, weight.shape[2:], extras, strict=True
        )
    )
    if min(size) <= 0:
        raise RuntimeError(
            f"Given input size per channel: {list(input.shape[2:])}. Calculated output size per "
            f"channel: {list(size)}. Output size is too small"
        )
    shape = (input.shape[0], channels, *size)
    if n == 1:
        shape = (*shape[:2], 1, *size)
        grad = ops.conv2d_input_grad(
            input.unsqueeze(2), weight.unsqueeze(2), shape,
            (1, *strides), (0, *pads), (1, *dilations), groups,
        ).squeeze(2)  # fmt: skip
    else:
        op = ops.conv2d_input_grad if n == 2 else ops.conv3d_input_grad
        grad = op(input, weight, shape, strides, pads, dilations, groups)
    if bias is not None:
        grad = grad + bias.reshape(-1, *[1] * n)
    result: Tensor = grad if batched else grad.squeeze(0)
    return result


@listed
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOr = 1,
    padding: IntOr = 0,
    output_padding: IntOr = 0,
    groups: int = 1,
    dilation: IntOr = 1,
) -> Tensor:
    """Transposed convolution: ``(N, C, L), (C, O / groups, K), (O,) -> (N, O, L')``.

    ``L' = (L - 1) * stride - 2 * padding + dilation * (K - 1) + output_padding + 1``; `N` may be
    left out. RuntimeError if the shapes or dtypes do not fit.
    """
    return _conv_transpose(
        1, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@listed
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOr = 1,
    padding: IntOr = 0,
    output_padding: IntOr = 0,
    groups: int = 1,
    dilation: IntOr = 1,
) -> Tensor:
    """Transposed convolution of ``(N, C, H, W)`` with ``(C, O / groups, KH, KW)``."""
    return _conv_transpose(
        2, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@listed
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOr = 1,
    padding: IntOr = 0,
    output_padding: IntOr = 0,
    groups: int = 1,
    dilation: IntOr = 1,
) -> Tensor:
    """Transposed convolution of ``(N, C, D, H, W)`` with ``(C, O / groups, KD, KH, KW)``."""
    return _conv_transpose(
        3, input, weight, bias, stride, padding, output_padding, groups, dilation
    )
