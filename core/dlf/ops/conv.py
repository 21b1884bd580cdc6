"""Convolutions, and the two linear maps that they are made of.

`im2col` lays the patches that a kernel sees side by side, `col2im` adds such patches up where they
came from; each is the other's gradient. A convolution is a matrix product over `im2col`; its
gradient by the input is one over `col2im`, which is also what a transposed convolution computes.
All are written for any number of spatial dimensions.

Shapes, with one entry a spatial dimension: input ``(N, C, *size)``, kernel
``(O, C / groups, *kernel)``, result ``(N, O, *out)``.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import dlf
from dlf.registry import composite

from .slicing import constant_pad

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = [
    "col2im",
    "conv2d",
    "conv2d_input_grad",
    "conv2d_weight_grad",
    "conv3d",
    "conv3d_input_grad",
    "conv3d_weight_grad",
    "im2col",
    "output_size",
]

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


def volume(sizes: Ints) -> int:
    """Product of `sizes`."""
    total = 1
    for size in sizes:
        total *= size
    return total


def output_size(size: Ints, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Ints:
    """How many places a window of `kernel` has in each dimension."""
    return tuple(
        (n + lo + hi - d * (k - 1) - 1) // s + 1
        for n, k, s, (lo, hi), d in zip(size, kernel, stride, padding, dilation, strict=True)
    )


def symmetric(padding: Ints) -> Pairs:
    """The same padding on both sides."""
    return tuple((p, p) for p in padding)


def pad_spatial(input: Tensor, padding: Pairs, value: float = 0) -> Tensor:
    """`input` with its last dimensions padded by `value`; negative amounts crop."""
    if not any(lo or hi for lo, hi in padding):
        return input
    lead = input.ndim - len(padding)
    return constant_pad(input, ((0, 0),) * lead + tuple(padding), value)


def window_tap(input: Tensor, tap: Ints, out: Ints, stride: Ints, dilation: Ints) -> Tensor:
    """What the kernel's element `tap` sees at each of the `out` places of a padded input."""
    where = tuple(
        slice(t * d, t * d + s * (n - 1) + 1, s)
        for t, n, s, d in zip(tap, out, stride, dilation, strict=True)
    )
    return input[(..., *where)]


def taps(kernel: Ints) -> list[Ints]:
    """All elements of a kernel, last dimension fastest."""
    return list(product(*(range(k) for k in kernel)))


def spread_tap(
    values: Tensor, tap: Ints, size: Ints, stride: Ints, padding: Pairs, dilation: Ints
) -> Tensor:
    """Transpose of padding and `window_tap`: `values` put back where `tap` saw them, zeros
    elsewhere.
    """
    out = values.shape[-len(size) :]
    lead = values.shape[: values.ndim - len(size)]
    if any(s > 1 for s in stride):
        split = [extent for n in out for extent in (n, 1)]
        gaps = tuple(pair for s in stride for pair in ((0, 0), (0, s - 1)))
        spaced = pad_spatial(values.reshape(*lead, *split), gaps)
        values = spaced.reshape(*lead, *(n * s for n, s in zip(out, stride, strict=True)))
    margins = []
    for t, n, (lo, _), d, count in zip(
        tap, size, padding, dilation, values.shape[-len(size) :], strict=True
    ):
        start = t * d - lo
        margins.append((start, n - start - count))
    return pad_spatial(values, tuple(margins))


@composite(
    inputs=1,
    vjp=lambda g, input, kernel, stride, padding, dilation: col2im(
        g, tuple(input.shape[2:]), kernel, stride, padding, dilation
    ),
)
def im2col(input: Tensor, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Tensor:
    """Patches of ``(N, C, *size)`` as ``(N, C, volume of kernel, *out)``; `padding` is a pair a
    dimension.
    """
    out = output_size(tuple(input.shape[2:]), kernel, stride, padding, dilation)
    padded = pad_spatial(input, padding)
    seen = [window_tap(padded, tap, out, stride, dilation) for tap in taps(kernel)]
    return dlf.stack(seen, 2)


@composite(
    inputs=1,
    vjp=lambda g, kernel, stride, padding, dilation: im2col(g, kernel, stride, padding, dilation),
)
def col2im(
    patches: Tensor, size: Ints, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints
) -> Tensor:
    """Sum of ``(N, C, volume of kernel, *out)`` patches into ``(N, C, *size)``."""
    pieces = (
        spread_tap(patches.select(2, i), tap, size, stride, padding, dilation)
        for i, tap in enumerate(taps(kernel))
    )
    total = next(pieces)
    for piece in pieces:
        total = total + piece
    return total


def _grouped_patches(
    input: Tensor, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Tensor:
    """Patches as ``(N, groups, C / groups * kernel, out)``."""
    patches = im2col(input, kernel, stride, symmetric(padding), dilation)
    rows = input.shape[1] // groups * volume(kernel)
    return patches.reshape(input.shape[0], groups, rows, volume(tuple(patches.shape[3:])))


def _grouped_kernel(weight: Tensor, groups: int) -> Tensor:
    """Kernels as ``(groups, O / groups, C / groups * kernel)``."""
    return weight.reshape(groups, weight.shape[0] // groups, volume(tuple(weight.shape[1:])))


def _grouped_result(grad: Tensor, groups: int) -> Tensor:
    """A result as ``(N, groups, O / groups, out)``."""
    return grad.reshape(
        grad.shape[0], groups, grad.shape[1] // groups, volume(tuple(grad.shape[2:]))
    )


def _conv(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
) -> Tensor:
    kernel = tuple(weight.shape[2:])
    out = output_size(tuple(input.shape[2:]), kernel, stride, symmetric(padding), dilation)
    patches = _grouped_patches(input, kernel, stride, padding, dilation, groups)
    result = (_grouped_kernel(weight, groups) @ patches).reshape(
        input.shape[0], weight.shape[0], *out
    )
    return result if bias is None else result + bias.reshape(-1, *[1] * len(kernel))


def _conv_input_grad(
    grad: Tensor,
    weight: Tensor,
    input_shape: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
) -> Tensor:
    kernel = tuple(weight.shape[2:])
    columns = _grouped_kernel(weight, groups).mT @ _grouped_result(grad, groups)
    patches = columns.reshape(*input_shape[:2], volume(kernel), *grad.shape[2:])
    return col2im(patches, tuple(input_shape[2:]), kernel, stride, symmetric(padding), dilation)


def _conv_weight_grad(
    grad: Tensor,
    input: Tensor,
    weight_shape: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
) -> Tensor:
    patches = _grouped_patches(input, tuple(weight_shape[2:]), stride, padding, dilation, groups)
    return (_grouped_result(grad, groups) @ patches.mT).sum(0).reshape(weight_shape)


def _sum_by_channel(g: Tensor) -> Tensor:
    return g.sum((0, *range(2, g.ndim)))


@composite(
    inputs=2,
    vjp=(
        lambda g, weight, stride, padding, dilation, groups: conv2d(
            g, weight, None, stride, padding, dilation, groups
        ),
        lambda g, grad, weight, stride, padding, dilation, groups: conv2d_weight_grad(
            grad, g, tuple(weight.shape), stride, padding, dilation, groups
        ),
    ),
)
def conv2d_input_grad(
    grad: Tensor,
    weight: Tensor,
    input_shape: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
) -> Tensor:
    """Gradient of `conv2d` by its input, and the transposed convolution."""
    return _conv_input_grad(grad, weight, input_shape, stride, padding, dilation, groups)


@composite(
    inputs=2,
    vjp=(
        lambda g, input, stride, padding, dilation, groups: conv2d(
            input, g, None, stride, padding, dilation, groups
        ),
        lambda g, grad, input, stride, padding, dilation, groups: conv2d_input_grad(
            grad, g, tuple(input.shape), stride, padding, dilation, groups
        ),
    ),
)
def conv2d_weight_grad(
    grad: Tensor,
    input: Tensor,
    weight_shape: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
) -> Tensor:
    """Gradient of `conv2d` by its weight."""
    return _conv_weight_grad(grad, input, weight_shape, stride, padding, dilation, groups)


@composite(
    inputs=3,
    vjp=(
        lambda g, input, weight, stride, padding, dilation, groups: conv2d_input_grad(
            g, weight, tuple(input.shape), stride, padding, dilation, groups
        ),
        lambda g, input, weight, stride, padding, dilation, groups: conv2d_weight_grad(
            g, input, tuple(weight.shape), stride, padding, dilation, groups
        ),
        lambda g: _sum_by_channel(g),
    ),
)
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
) -> Tensor:
    """Cross-correlation of ``(N, C, H, W)`` with ``(O, C / groups, KH, KW)``; see
    `functional.conv2d`.
    """
    return _conv(input, weight, bias, stride, padding, dilation, groups)


@composite(
    inputs=2,
    vjp=(
        lambda g, weight, stride, padding, dilation, groups: conv3d(
            g, weight, None, stride, padding, dilation, groups
        ),
        lambda g, grad, weight, stride, padding, dilation, groups: conv3d_weight_grad(
            grad, g, tuple(weight.shape), stride, padding, dilation, groups
        ),
    ),
)
def conv3d_input_grad(
    grad: Tensor,
    weight: Tensor,
    input_shape: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
) -> Tensor:
    """Gradient of `conv3d` by its input, and the transposed convolution."""
    return _conv_input_grad(grad, weight, input_shape, stride, padding, dilation, groups)


@composite(
    inputs=2,
    vjp=(
        lambda g, input, stride, padding, dilation, groups: conv3d(
            input, g, None, stride, padding, dilation, groups
        ),
        lambda g, grad, input, stride, padding, dilation, groups: conv3d_input_grad(
            grad, g, tuple(input.shape), stride, padding, dilation, groups
        ),
    ),
)
def conv3d_weight_grad(
    grad: Tensor,
    input: Tensor,
    weight_shape: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
) -> Tensor:
    """Gradient of `conv3d` by its weight."""
    return _conv_weight_grad(grad, input, weight_shape, stride, padding, dilation, groups)


@composite(
    inputs=3,
    vjp=(
        lambda g, input, weight, stride, padding, dilation, groups: conv3d_input_grad(
            g, weight, tuple(input.shape), stride, padding, dilation, groups
        ),
        lambda g, input, weight, stride, padding, dilation, groups: conv3d_weight_grad(
            g, input, tuple(weight.shape), stride, padding, dilation, groups
        ),
        lambda g: _sum_by_channel(g),
    ),
)
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
) -> Tensor:
    """Cross-correlation of ``(N, C, D, H, W)`` with ``(O, C / groups, KD, KH, KW)``."""
    return _conv(input, weight, bias, stride, padding, dilation, groups)
