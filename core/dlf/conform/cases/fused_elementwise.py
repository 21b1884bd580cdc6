"""Samples of the fused element-wise ops: every row is an op, every entry a set of arguments."""

from __future__ import annotations

from math import inf, nan

from .fused_inputs import Mask, Sample, Values, real

__all__ = ["INTEGERS", "ROWS"]

Rows = dict[str, dict[str, Sample]]

SPECIAL = Values([nan, inf, -inf, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 30.0, -30.0, 1e-4, -1e-4])
GRADS = Values([1.0, -2.0, 0.5, nan, inf, -inf, 0.0, 3.0, -1.0, 0.25, 2.0, 1.5, -0.75])
# More elements than a kernel that works piece by piece takes at once.
LONG = 3 * 2**14 + 5


def _pointwise(low: float = -3.0, high: float = 3.0, *attributes: object) -> dict[str, Sample]:
    """Samples of an op of one array."""
    return {
        "matrix": (real(3, 5, low=low, high=high), *attributes),
        "number": (real(low=low, high=high), *attributes),
        "one": (real(1, low=low, high=high), *attributes),
        "empty": (real(2, 0), *attributes),
        "cube": (real(2, 3, 4, low=low, high=high), *attributes),
        "long": (real(LONG, low=low, high=high), *attributes),
        "special": (SPECIAL, *attributes),
    }


def _pairs(low: float = -3.0, high: float = 3.0, *attributes: object) -> dict[str, Sample]:
    """Samples of a gradient: of the result, and of the op's input or output."""
    second = real(3, 5, low=low, high=high)
    return {
        "matrix": (real(3, 5), second, *attributes),
        "number": (real(), real(low=low, high=high), *attributes),
        "one": (real(1), real(1, low=low, high=high), *attributes),
        "empty": (real(0, 2), real(0, 2), *attributes),
        "broadcast": (real(3, 1), second, *attributes),
        "long": (real(LONG), real(LONG, low=low, high=high), *attributes),
        "special": (GRADS, SPECIAL, *attributes),
    }


def _with(samples: dict[str, Sample], **more: Sample) -> dict[str, Sample]:
    return {**samples, **more}


_COMPARED = {
    "matrix": (real(3, 5), real(3, 5)),
    "equal": (Values([[0.0, 1.0, -2.0], [3.0, -4.0, 5.0]]), Values([[0.0, 2.0, -2.0]])),
    "broadcast": (real(3, 1), real(4)),
    "special number": (Values([0.0, 0.5, 1.0]), 0.5),
    "empty": (real(0, 3), real(3)),
    "special": (SPECIAL, Values([0.0])),
}

ROWS: Rows = {
    **dict.fromkeys("relu square ceil trunc isnan isinf isfinite".split(), _pointwise()),
    **dict.fromkeys("sigmoid exp2 sinh cosh asinh erfc".split(), _pointwise()),
    **dict.fromkeys("logsigmoid silu mish hardsigmoid hardswish softsign".split(), _pointwise()),
    "tanhshrink": _pointwise(),
    "tan": _pointwise(-1.4, 1.4),
    "reciprocal": _pointwise(0.2, 3.0),
    **dict.fromkeys("rsqrt log2 log10".split(), _pointwise(0.2, 3.0)),
    "acosh": _pointwise(1.2, 4.0),
    "atanh": _pointwise(-0.9, 0.9),
    **dict.fromkeys("ne gt ge".split(), _COMPARED),
    "threshold_backward": _with(_pairs(-3.0, 3.0, 0.5), zero=(real(3, 5), real(3, 5), 0)),
    "sigmoid_backward": _pairs(0.05, 0.95),
    "silu_backward": _pairs(),
    "gelu_backward": _with(_pairs(-3.0, 3.0, "none"), tanh=(real(3, 5), real(3, 5), "tanh")),
    "gelu": _with(
        _pointwise(-3.0, 3.0, "none"),
        tanh=(real(3, 5), "tanh"),
        tanh_long=(real(LONG), "tanh"),
        tanh_special=(SPECIAL, "tanh"),
    ),
    "shrink_backward": _pairs(-2.0, 2.0, 0.5),
    "threshold": _pointwise(-2.0, 2.0, 0.3, -1.5),
    "softplus": _with(_pointwise(-3.0, 3.0, 1.0, 20.0), steep=(real(3, 5), 2.0, 1.0)),
    "elu": _with(_pointwise(-3.0, 3.0, 1.0, 1.0, 1.0), all=(real(3, 5), 1.7, 1.1, 0.8)),
    "leaky_relu": _pointwise(-3.0, 3.0, 0.1),
    "prelu": {
        "matrix": (real(3, 5), real(1, 5)),
        "one": (real(1), real(1)),
        "empty": (real(0, 5), real(1, 5)),
        "special": (SPECIAL, Values([0.25])),
    },
    "hardtanh": _pointwise(-3.0, 3.0, -1.0, 0.5),
    "hardshrink": _pointwise(-2.0, 2.0, 0.5),
    "softshrink": _pointwise(-2.0, 2.0, 0.5),
    "clamp": _with(
        _pointwise(-3.0, 3.0, -1.0, 2.0),
        low=(real(3, 5), 0, None),
        high=(real(3, 5), None, 1),
        crossed=(real(3, 5), 1.0, -1.0),
    ),
    "glu": {
        "rows": (real(3, 4), 1),
        "columns": (real(4, 3), 0),
        "empty": (real(0, 4), 1),
    },
    "masked_scale": {
        "matrix": (real(3, 5), Mask((3, 5)), 1.25),
        "broadcast": (real(3, 5), Mask((5,)), 2.0),
        "empty": (real(0, 5), Mask((0, 5)), 2.0),
        "one": (real(1), Mask((1,)), 2.0),
    },
    # What is dropped in between is the device's own affair, see `random_kernels`.
    "dropout": {
        "nothing": (real(3, 5), 0.0, 2**40, 7),
        "all": (real(3, 5), 1.0, 2**40, 7),
        "empty": (real(0, 5), 0.5, 2**40, 7),
        "special": (Values([nan, inf, -inf, -0.0, 1.0]), 1.0, 2**40, 7),
    },
    "overwrite": {
        "matrix": (real(3, 5), real(3, 5)),
        "one": (real(1), real(1)),
        "empty": (real(0, 5), real(0, 5)),
    },
    "diagonal": {
        "matrix": (real(3, 4), 0, 0, 1),
        "above": (real(3, 4), 1, 0, 1),
        "below": (real(2, 4, 3), -1, 1, 2),
        "outer dimensions": (real(3, 2, 4), 0, 0, 2),
        "empty": (real(0, 4), 0, 0, 1),
        "outside": (real(2, 3), 3, 0, 1),
    },
}

# What takes integers too; the arguments are then rounded to zero.
INTEGERS = frozenset("relu square ne gt ge clamp diagonal overwrite max_pool2d".split())
