"""Faults of convolution and pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from .fault import Array, Fault, Hands, Kernel
from .plants import altered, called

__all__ = ["FAULTS"]


def _swapped(pair: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(reversed(pair))


def _flipped_kernel(kernel: Kernel, hands: Hands) -> Kernel:
    def faulty(x: Any, weight: Any, *rest: Any) -> Any:
        host = hands.down(weight)
        return kernel(x, hands.up(np.ascontiguousarray(host[..., ::-1, ::-1])), *rest)

    return faulty


def _padding_one_side(kernel: Kernel, hands: Hands) -> Kernel:
    def faulty(
        x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        rows, columns = padding
        host = hands.down(x)
        wide = np.pad(host, ((0, 0), (0, 0), (2 * rows, 0), (2 * columns, 0)))
        return kernel(hands.up(wide), weight, bias, stride, (0, 0), dilation, groups)

    return faulty


def _mixed_groups(kernel: Kernel, hands: Hands) -> Kernel:
    def faulty(x: Any, weight: Any, bias: Any, *rest: Any) -> Any:
        groups = rest[-1]
        host = hands.down(x)
        n, c = host.shape[:2]
        mixed = host.reshape(n, c // groups, groups, *host.shape[2:]).swapaxes(1, 2)
        return kernel(
            hands.up(np.ascontiguousarray(mixed).reshape(host.shape)), weight, bias, *rest
        )

    return faulty


def _zero_padding(kernel: Kernel, hands: Hands) -> Kernel:
    def faulty(x: Any, size: Any, stride: Any, padding: Any, dilation: Any) -> Any:
        rows, columns = padding
        host = hands.down(x)
        if not (rows or columns) or host.ndim != 4:
            return kernel(x, size, stride, padding, dilation)
        _, index = kernel(x, size, stride, padding, dilation)
        sides = ((0, 0), (0, 0), (rows, rows), (columns, columns))
        wrong, _ = kernel(hands.up(np.pad(host, sides)), size, stride, (0, 0), dilation)
        return wrong, index

    return faulty


def _last_maximum(kernel: Kernel, hands: Hands) -> Kernel:
    """The search runs backwards, so of equal elements the last is found."""

    def faulty(x: Any, size: Any, stride: Any, padding: Any, dilation: Any) -> Any:
        host = hands.down(x)
        height, width = host.shape[-2:]
        spans = [d * (k - 1) + 1 for d, k in zip(dilation, size, strict=True)]
        even = all(
            (n + 2 * p - span) % s == 0
            for n, p, span, s in zip((height, width), padding, spans, stride, strict=True)
        )
        if not even or not host.size:
            return kernel(x, size, stride, padding, dilation)
        turned = hands.up(np.ascontiguousarray(host[..., ::-1, ::-1]))
        best, index = hands.down(kernel(turned, size, stride, padding, dilation))
        places = height * width - 1 - index[..., ::-1, ::-1]
        return hands.up((np.ascontiguousarray(best[..., ::-1, ::-1]), np.ascontiguousarray(places)))

    return faulty


def _overwritten(out: Array, grad: Array, indices: Array, shape: Any) -> Array:
    wrong = np.zeros((shape[0] * shape[1], int(np.prod(shape[2:]))), grad.dtype)
    rows = np.arange(len(wrong))[:, None]
    if grad.size:
        wrong[rows, indices.reshape(len(wrong), -1)] = grad.reshape(len(wrong), -1)
    return wrong.reshape(shape)


def _pool_nan(out: Any, x: Array, *rest: Any) -> Any:
    return np.where(out[0] != out[0], 0, out[0]), out[1]


def _window_index(out: Any, x: Array, *rest: Any) -> Any:
    return out[0], out[1] % x.shape[-1]


FAULTS = (
    Fault(
        "conv2d/flipped",
        "conv2d",
        _flipped_kernel,
        "a true convolution flips its kernel; this is a correlation",
    ),
    Fault(
        "conv2d/dilation",
        "conv2d",
        called(
            lambda kernel, x, w, b, stride, padding, dilation, groups: kernel(
                x, w, b, stride, padding, _swapped(dilation), groups
            )
        ),
        "the dilations of rows and columns are confused",
    ),
    Fault(
        "conv2d/stride",
        "conv2d",
        called(
            lambda kernel, x, w, b, stride, padding, dilation, groups: kernel(
                x, w, b, _swapped(stride), padding, dilation, groups
            )
        ),
        "the strides of rows and columns are confused",
    ),
    Fault(
        "conv2d/padding-one-side",
        "conv2d",
        _padding_one_side,
        "all padding goes to the top and the left",
    ),
    Fault(
        "conv2d/groups", "conv2d", _mixed_groups, "channels are dealt out to the groups one by one"
    ),
    Fault(
        "conv2d/no-bias",
        "conv2d",
        called(lambda kernel, x, w, b, *rest: kernel(x, w, None, *rest)),
        "the bias is forgotten",
    ),
    Fault(
        "conv2d_input_grad/flipped",
        "conv2d_input_grad",
        _flipped_kernel,
        "the gradient uses the kernel as it lies",
    ),
    Fault(
        "conv2d_weight_grad/first-image",
        "conv2d_weight_grad",
        lambda kernel, hands: (
            lambda g, x, *rest: kernel(
                hands.up(hands.down(g)[:1]), hands.up(hands.down(x)[:1]), *rest
            )
        ),
        "the gradient of one image only",
    ),
    Fault(
        "max_pool2d/zero-padding",
        "max_pool2d",
        _zero_padding,
        "zeros of the padding beat negative numbers",
    ),
    Fault(
        "max_pool2d/last-of-equals",
        "max_pool2d",
        _last_maximum,
        "of equal elements the last is found",
    ),
    Fault("max_pool2d/nan", "max_pool2d", altered(_pool_nan), "NaN is passed over; it wins"),
    Fault(
        "max_pool2d/index",
        "max_pool2d",
        altered(_window_index),
        "the place in the row, not in the plane",
    ),
    Fault(
        "max_pool2d_backward/overlap",
        "max_pool2d_backward",
        altered(_overwritten),
        "of windows with one maximum a single one is counted",
    ),
    Fault(
        "diagonal/offset",
        "diagonal",
        called(lambda kernel, a, offset, dim1, dim2: kernel(a, -offset, dim1, dim2)),
        "the offset is counted downwards",
    ),
)
