"""Pooling over windows of the last dimensions of ``(N, C, *size)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dlf
from dlf.registry import composite

from .conv import (
    Ints,
    Pairs,
    output_size,
    pad_spatial,
    spread_tap,
    symmetric,
    taps,
    volume,
    window_tap,
)

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = [
    "max_pool2d",
    "max_pool2d_backward",
    "max_pool3d",
    "max_pool3d_backward",
    "window_spread",
    "window_sum",
]


def _ones(kernel: Ints) -> Ints:
    return (1,) * len(kernel)


@composite(
    inputs=1,
    vjp=lambda g, input, kernel, stride, padding: window_spread(
        g, tuple(input.shape[2:]), kernel, stride, padding
    ),
)
def window_sum(input: Tensor, kernel: Ints, stride: Ints, padding: Pairs) -> Tensor:
    """Sum of every window: ``(N, C, *size) -> (N, C, *out)``; `padding` is a pair a dimension."""
    out = output_size(tuple(input.shape[2:]), kernel, stride, padding, _ones(kernel))
    padded = pad_spatial(input, padding)
    pieces = (window_tap(padded, tap, out, stride, _ones(kernel)) for tap in taps(kernel))
    total = next(pieces) + 0
    for piece in pieces:
        total = total + piece
    return total


@composite(
    inputs=1,
    vjp=lambda g, kernel, stride, padding: window_sum(g, kernel, stride, padding),
)
def window_spread(grad: Tensor, size: Ints, kernel: Ints, stride: Ints, padding: Pairs) -> Tensor:
    """Gradient of `window_sum`: every value added to all places of its window."""
    pieces = (spread_tap(grad, tap, size, stride, padding, _ones(kernel)) for tap in taps(kernel))
    total = next(pieces)
    for piece in pieces:
        total = total + piece
    return total


def _spatial_flat(tensor: Tensor, ndim: int) -> Tensor:
    return tensor.reshape(*tensor.shape[:-ndim], volume(tuple(tensor.shape[-ndim:])))


def _unpool(grad: Tensor, indices: Tensor, x_shape: Ints) -> Tensor:
    ndim = len(x_shape) - 2
    zeros = grad.new_zeros((*x_shape[:2], volume(x_shape[2:])))
    placed = zeros.scatter_add(2, _spatial_flat(indices, ndim), _spatial_flat(grad, ndim))
    return placed.reshape(x_shape)


def _picked(g: Tensor, indices: Tensor) -> Tensor:
    ndim = indices.ndim - 2
    values = _spatial_flat(g, ndim).gather(2, _spatial_flat(indices, ndim))
    return values.reshape(indices.shape)


def _max_pool(
    input: Tensor, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> tuple[Tensor, Tensor]:
    size = tuple(input.shape[2:])
    out = output_size(size, kernel, stride, symmetric(padding), dilation)
    floating = input.dtype.is_floating_point
    low = float("-inf") if floating else dlf.iinfo(input.dtype).min
    padded = pad_spatial(input, symmetric(padding), low)
    best, index = None, None
    for tap in taps(kernel):
        seen = window_tap(padded, tap, out, stride, dilation)
        place = _places(input, size, out, stride, padding, dilation, tap, clamp=best is None)
        if best is None or index is None:
            best, index = seen, place.expand(seen.shape)
            continue
        better = seen > best
        if floating:
            better = better | (seen != seen)
        best = dlf.where(better, seen, best)
        index = dlf.where(better, place, index)
    assert best is not None and index is not None
    # With a kernel of one element nothing was computed, and an op must not hand out its input.
    return best + 0, index + 0


def _places(
    input: Tensor,
    size: Ints,
    out: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    tap: Ints,
    clamp: bool,
) -> Tensor:
    """Flat index in the input of what `tap` sees; `clamp`: of the window's first element inside."""
    flat = None
    for n, count, s, p, d, t in zip(size, out, stride, padding, dilation, tap, strict=True):
        along = dlf.arange(count, device=input.device) * s + (t * d - p)
        if clamp:
            along = dlf.where(along < 0, along % d, along)
        flat = along if flat is None else flat.unsqueeze(-1) * n + along
    assert flat is not None
    return flat


def _index_dtype(input: dlf.dtype, *_: object) -> tuple[dlf.dtype, dlf.dtype]:
    return input, dlf.int64


@composite(inputs=2, vjp=(lambda g, indices: _picked(g, indices), None))
def max_pool2d_backward(grad: Tensor, indices: Tensor, x_shape: Ints) -> Tensor:
    """Gradient of `max_pool2d`: `grad` added at `indices` of a zero ``x_shape``."""
    return _unpool(grad, indices, x_shape)


@composite(
    inputs=1,
    outputs=2,
    dtype=_index_dtype,
    vjp=lambda g, out, input: max_pool2d_backward(g[0], out[1], tuple(input.shape)),
)
def max_pool2d(
    input: Tensor, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> tuple[Tensor, Tensor]:
    """Maximum of every window, and its flat index in its plane of the input."""
    return _max_pool(input, kernel, stride, padding, dilation)


@composite(inputs=2, vjp=(lambda g, indices: _picked(g, indices), None))
def max_pool3d_backward(grad: Tensor, indices: Tensor, x_shape: Ints) -> Tensor:
    """Gradient of `max_pool3d`: `grad` added at `indices` of a zero ``x_shape``."""
    return _unpool(grad, indices, x_shape)


@composite(
    inputs=1,
    outputs=2,
    dtype=_index_dtype,
    vjp=lambda g, out, input: max_pool3d_backward(g[0], out[1], tuple(input.shape)),
)
def max_pool3d(
    input: Tensor, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> tuple[Tensor, Tensor]:
    """Maximum of every window, and its flat index in its volume of the input."""
    return _max_pool(input, kernel, stride, padding, dilation)
