"""Samples of the fused ops that slide a window: convolution, pooling and what they are made of."""

from __future__ import annotations

from math import inf, nan, prod

import numpy as np

from ...ops.conv import Ints, output_size, symmetric
from .fused_inputs import Derived, Real, Sample, Values, out_of, real

__all__ = ["ROWS"]

Rows = dict[str, dict[str, Sample]]


def _conv(
    input: Ints, weight: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int = 1
) -> dict[str, Sample]:
    """Arguments of a convolution, and of its gradients by input and weight."""
    out = output_size(input[2:], weight[2:], stride, symmetric(padding), dilation)
    x, w, grad = Real(input), Real(weight), real(input[0], weight[0], *out)
    rest = (stride, padding, dilation, groups)
    return {
        "": (x, w, real(weight[0]), *rest),
        "plain": (x, w, None, *rest),
        "_input_grad": (grad, w, input, *rest),
        "_weight_grad": (grad, x, weight, *rest),
    }


def _ones(ndim: int) -> tuple[Ints, Ints, Ints]:
    return (1,) * ndim, (0,) * ndim, (1,) * ndim


_CONV2D = {
    "simple": _conv((2, 3, 5, 6), (4, 3, 3, 2), *_ones(2)),
    "stride and padding": _conv((2, 3, 7, 6), (4, 3, 3, 3), (2, 1), (1, 2), (1, 1)),
    "dilation": _conv((1, 2, 7, 7), (3, 2, 3, 2), (1, 2), (1, 0), (2, 3)),
    "groups": _conv((2, 4, 5, 5), (6, 2, 3, 3), (1, 1), (1, 1), (1, 1), 2),
    "depthwise": _conv((2, 4, 5, 5), (4, 1, 3, 3), (2, 2), (1, 1), (1, 1), 4),
    "pointwise": _conv((2, 3, 4, 4), (5, 3, 1, 1), *_ones(2)),
    "unread edge": _conv((1, 2, 6, 6), (2, 2, 2, 2), (3, 3), (0, 0), (1, 1)),
    "one": _conv((1, 1, 1, 1), (1, 1, 1, 1), *_ones(2)),
    "empty": _conv((0, 2, 4, 4), (3, 2, 3, 3), *_ones(2)),
    "images": _conv((9, 8, 14, 14), (16, 8, 3, 3), (1, 1), (1, 1), (1, 1)),
}
_CONV3D = {
    "simple": _conv((2, 2, 3, 4, 4), (3, 2, 2, 3, 2), *_ones(3)),
    "stride and padding": _conv((1, 2, 4, 5, 4), (2, 2, 3, 3, 3), (2, 1, 1), (1, 1, 2), (1, 1, 1)),
    "groups": _conv((1, 4, 3, 3, 3), (4, 2, 2, 2, 2), *_ones(3), 2),
    "empty": _conv((0, 2, 3, 3, 3), (3, 2, 2, 2, 2), *_ones(3)),
}


def _forward(settings: dict[str, dict[str, Sample]]) -> dict[str, Sample]:
    found = {name: group[""] for name, group in settings.items()}
    first = next(iter(settings.values()))
    return {**found, "plain": first["plain"]}


def _backward(settings: dict[str, dict[str, Sample]], which: str) -> dict[str, Sample]:
    return {name: group[which] for name, group in settings.items()}


def _pool(input: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Sample:
    return Real(input), kernel, stride, padding, dilation


def _unpool(op: str, sample: Sample) -> Sample:
    """The arguments of the gradient of a pooling with the arguments `sample`."""
    input, *rest = sample
    size = output_size(input.shape[2:], rest[0], rest[1], symmetric(rest[2]), rest[3])
    scattered = np.cos(np.arange(prod(input.shape)) * 1.7).reshape(input.shape)
    index = Derived(lambda grad: out_of(op, scattered, *rest, at=1))
    return real(*input.shape[:2], *size), index, input.shape


_TIES = Values([[[[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [2.0, 0.0, 2.0]]]])
_HOLES = Values([[[[nan, 1.0, -inf], [0.0, inf, -inf], [2.0, 0.0, 3.0], [nan, nan, 1.0]]]])
_POOL2D = {
    "simple": _pool((2, 3, 6, 4), (2, 2), (2, 2), (0, 0), (1, 1)),
    "overlapping": _pool((2, 3, 6, 5), (3, 2), (1, 2), (1, 1), (1, 1)),
    "dilation": _pool((1, 2, 7, 7), (2, 3), (2, 1), (0, 1), (3, 2)),
    "unread edge": _pool((1, 2, 5, 5), (2, 2), (2, 2), (0, 0), (1, 1)),
    "one": _pool((1, 1, 1, 1), (1, 1), (1, 1), (0, 0), (1, 1)),
    "empty": _pool((0, 2, 4, 4), (2, 2), (2, 2), (0, 0), (1, 1)),
    "images": _pool((9, 8, 16, 16), (2, 2), (2, 2), (0, 0), (1, 1)),
}
_POOL3D = {
    "simple": _pool((2, 2, 4, 4, 3), (2, 2, 2), (2, 2, 1), (0, 0, 0), (1, 1, 1)),
    "padding": _pool((1, 2, 3, 4, 3), (3, 2, 2), (1, 2, 2), (1, 1, 0), (1, 1, 1)),
}
_PAIRS = ((1, 1), (0, 2))

ROWS: Rows = {
    "conv2d": _forward(_CONV2D),
    "conv2d_input_grad": _backward(_CONV2D, "_input_grad"),
    "conv2d_weight_grad": _backward(_CONV2D, "_weight_grad"),
    "conv3d": _forward(_CONV3D),
    "conv3d_input_grad": _backward(_CONV3D, "_input_grad"),
    "conv3d_weight_grad": _backward(_CONV3D, "_weight_grad"),
    "max_pool2d": {
        **_POOL2D,
        "ties": (_TIES, (2, 2), (1, 1), (0, 0), (1, 1)),
        "special": (_HOLES, (2, 2), (1, 1), (1, 1), (1, 1)),
        "special apart": (_HOLES, (2, 1), (2, 1), (0, 0), (1, 1)),
    },
    "max_pool2d_backward": {n: _unpool("max_pool2d", s) for n, s in _POOL2D.items()},
    "max_pool3d": _POOL3D,
    "max_pool3d_backward": {n: _unpool("max_pool3d", s) for n, s in _POOL3D.items()},
    "im2col": {
        "plain": (real(2, 3, 5, 6), (3, 2), (1, 1), ((0, 0), (0, 0)), (1, 1)),
        "all": (real(2, 3, 5, 6), (3, 2), (2, 1), _PAIRS, (1, 2)),
        "empty": (real(0, 3, 5, 6), (3, 2), (2, 1), _PAIRS, (1, 2)),
    },
    "col2im": {
        "plain": (real(2, 3, 6, 3, 5), (5, 6), (3, 2), (1, 1), ((0, 0), (0, 0)), (1, 1)),
        "all": (real(2, 3, 6, 3, 6), (5, 6), (3, 2), (2, 1), _PAIRS, (1, 2)),
    },
    "window_sum": {
        "plain": (real(2, 3, 5, 6), (2, 3), (1, 1), ((0, 0), (0, 0))),
        "all": (real(2, 3, 5, 6), (2, 3), (2, 3), _PAIRS),
        "one dimension": (real(2, 3, 7), (3,), (2,), ((1, 1),)),
    },
    "window_spread": {
        "plain": (real(2, 3, 4, 4), (5, 6), (2, 3), (1, 1), ((0, 0), (0, 0))),
        "all": (real(2, 3, 3, 2), (5, 6), (2, 3), (2, 3), _PAIRS),
    },
}
