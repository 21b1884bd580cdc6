"""Activation ops: one declaration each, its gradient beside it.

Results have the shape and dtype of ``input``. Formulas and the values of gradients at the kinks are
PyTorch's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import dlf
from dlf.registry import composite, unary

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = [
    "elu",
    "gelu",
    "gelu_backward",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "shrink_backward",
    "sigmoid",
    "sigmoid_backward",
    "silu",
    "silu_backward",
    "softplus",
    "softshrink",
    "softsign",
    "tanhshrink",
    "threshold",
    "threshold_backward",
]

_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


@composite(
    inputs=2, vjp=(lambda g, input, threshold: threshold_backward(g, input, threshold), None)
)
def threshold_backward(grad: Tensor, input: Tensor, threshold: float) -> Tensor:
    """`grad` where `input` is above `threshold` (or NaN), 0 elsewhere."""
    return dlf.where(input <= threshold, 0, grad)


relu = unary(
    "relu",
    lambda g, out: threshold_backward(g, out, 0),
    decompose=lambda input: input.clamp(min=0),
    doc="``max(input, 0)``.",
)


@composite(inputs=1, vjp=lambda g, input, threshold: threshold_backward(g, input, threshold))
def threshold(input: Tensor, threshold: float, value: float) -> Tensor:
    """`input` where it is above `threshold`, `value` elsewhere."""
    return dlf.where(input <= threshold, value, input)


@composite(
    inputs=2,
    vjp=(
        lambda g, output: sigmoid_backward(g, output),
        lambda g, grad, output: g * grad * (1 - 2 * output),
    ),
)
def sigmoid_backward(grad: Tensor, output: Tensor) -> Tensor:
    """Gradient of `sigmoid` from its `output`."""
    return grad * output * (1 - output)


sigmoid = unary(
    "sigmoid",
    lambda g, out: sigmoid_backward(g, out),
    floating=True,
    decompose=lambda input: 1 / (1 + (-input).exp()),
    doc="``1 / (1 + exp(-input))``; integers become the default dtype.",
)


@composite(inputs=1, vjp=lambda g, input: g * sigmoid(-input))
def logsigmoid(input: Tensor) -> Tensor:
    """``log(sigmoid(input))`` without overflow."""
    return input.clamp(max=0) - (-input.abs()).exp().log1p()


@composite(
    inputs=1,
    vjp=lambda g, input, beta, threshold: dlf.where(
        input * beta > threshold, g, g * sigmoid(input * beta)
    ),
)
def softplus(input: Tensor, beta: float, threshold: float) -> Tensor:
    """``log(1 + exp(beta * input)) / beta``, and `input` where ``beta * input > threshold``."""
    scaled = input * beta
    soft = (scaled.clamp(min=0) + (-scaled.abs()).exp().log1p()) / beta
    return dlf.where(scaled > threshold, input, soft)


@composite(inputs=2)
def silu_backward(grad: Tensor, input: Tensor) -> Tensor:
    """Gradient of `silu`."""
    gate = sigmoid(input)
    return grad * gate * (1 + input * (1 - gate))


@composite(inputs=1, vjp=lambda g, input: silu_backward(g, input))
def silu(input: Tensor) -> Tensor:
    """``input * sigmoid(input)`` (Elfwing et al., 2017)."""
    return input * sigmoid(input)


def _mish_vjp(g: Tensor, input: Tensor) -> Tensor:
    squashed = softplus(input, 1, 20).tanh()
    return g * (squashed + input * (1 - squashed * squashed) * sigmoid(input))


@composite(inputs=1, vjp=_mish_vjp)
def mish(input: Tensor) -> Tensor:
    """``input * tanh(softplus(input))`` (Misra, 2019)."""
    return input * softplus(input, 1, 20).tanh()


def _elu_vjp(g: Tensor, input: Tensor, alpha: float, scale: float, input_scale: float) -> Tensor:
    # The clamp keeps the branch not taken finite: its second derivative is then 0, not NaN.
    slope = (input.clamp(max=0) * input_scale).exp() * (alpha * scale * input_scale)
    return dlf.where(input > 0, g * scale, g * slope)


@composite(inputs=1, vjp=_elu_vjp)
def elu(input: Tensor, alpha: float, scale: float, input_scale: float) -> Tensor:
    """``scale * input`` above 0, ``scale * alpha * (exp(input_scale * input) - 1)`` elsewhere."""
    low = (input.clamp(max=0) * input_scale).expm1() * (alpha * scale)
    return dlf.where(input > 0, input * scale, low)


def selu(input: Tensor) -> Tensor:
    """Self-normalizing `elu` (Klambauer et al., 2017)."""
    return elu(input, _SELU_ALPHA, _SELU_SCALE, 1.0)


@composite(
    inputs=1,
    vjp=lambda g, input, negative_slope: dlf.where(input > 0, g, g * negative_slope),
)
def leaky_relu(input: Tensor, negative_slope: float) -> Tensor:
    """`input` above 0, ``negative_slope * input`` elsewhere."""
    return dlf.where(input > 0, input, input * negative_slope)


@composite(
    inputs=2,
    vjp=(
        lambda g, input, weight: dlf.where(input > 0, g, g * weight),
        lambda g, input: dlf.where(input > 0, 0, g * input),
    ),
)
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """`leaky_relu` with a learned slope; `weight` broadcasts with `input`."""
    return dlf.where(input > 0, input, input * weight)


@composite(
    inputs=1,
    vjp=lambda g, input, min_val, max_val: dlf.where((input <= min_val) | (input >= max_val), 0, g),
)
def hardtanh(input: Tensor, min_val: float, max_val: float) -> Tensor:
    """`input` held between `min_val` and `max_val`."""
    return input.clamp(min_val, max_val)


def relu6(input: Tensor) -> Tensor:
    """``min(max(input, 0), 6)``."""
    return hardtanh(input, 0.0, 6.0)


@composite(
    inputs=1,
    vjp=lambda g, input: dlf.where((input <= -3) | (input >= 3), 0, g / 6),
)
def hardsigmoid(input: Tensor) -> Tensor:
    """``relu6(input + 3) / 6``."""
    return (input + 3).clamp(0, 6) / 6


@composite(
    inputs=1,
    vjp=lambda g, input: dlf.where(input <= -3, 0, dlf.where(input < 3, g * (input / 3 + 0.5), g)),
)
def hardswish(input: Tensor) -> Tensor:
    """``input * relu6(input + 3) / 6`` (Howard et al., 2019)."""
    return input * (input + 3).clamp(0, 6) / 6


@composite(inputs=1)
def softsign(input: Tensor) -> Tensor:
    """``input / (1 + |input|)``."""
    return input / (input.abs() + 1)


@composite(inputs=1, vjp=lambda g, input: g * input.tanh().square())
def tanhshrink(input: Tensor) -> Tensor:
    """``input - tanh(input)``."""
    return input - input.tanh()


@composite(inputs=2, vjp=(lambda g, input, lambd: shrink_backward(g, input, lambd), None))
def shrink_backward(grad: Tensor, input: Tensor, lambd: float) -> Tensor:
    """`grad` where ``|input|`` is above `lambd` (or NaN), 0 elsewhere."""
    return dlf.where(input.abs() <= lambd, 0, grad)


@composite(inputs=1, vjp=lambda g, input, lambd: shrink_backward(g, input, lambd))
def hardshrink(input: Tensor, lambd: float) -> Tensor:
    """`input` where ``|input| > lambd``, 0 elsewhere."""
    return dlf.where(input.abs() <= lambd, 0, input)


@composite(inputs=1, vjp=lambda g, input, lambd: shrink_backward(g, input, lambd))
def softshrink(input: Tensor, lambd: float) -> Tensor:
    """`input` moved towards 0 by `lambd`, and 0 where ``|input| <= lambd``."""
    return dlf.where(input.abs() <= lambd, 0, input - input.sign() * lambd)


@composite(inputs=1)
def glu(input: Tensor, dim: int) -> Tensor:
    """First half of `input` along `dim` times the sigmoid of the second half (Dauphin et al.,
    2017).
    """
    value, gate = input.chunk(2, dim)
    return value * sigmoid(gate)


_TANH_SCALE = math.sqrt(2 / math.pi)
_TANH_CUBIC = 0.044715


@composite(inputs=2)
def gelu_backward(grad: Tensor, input: Tensor, approximate: str) -> Tensor:
    """Gradient of `gelu`."""
    if approximate == "tanh":
        squashed = (_TANH_SCALE * (input + _TANH_CUBIC * input * input * input)).tanh()
        inner = _TANH_SCALE * (1 + 3 * _TANH_CUBIC * input * input)
        slope = 0.5 * (1 + squashed) + 0.5 * input * (1 - squashed * squashed) * inner
        return grad * slope
    cdf = 0.5 * (1 + (input * math.sqrt(0.5)).erf())
    pdf = (-0.5 * input * input).exp() * (1 / math.sqrt(2 * math.pi))
    return grad * (cdf + input * pdf)


@composite(inputs=1, vjp=lambda g, input, approximate: gelu_backward(g, input, approximate))
def gelu(input: Tensor, approximate: str) -> Tensor:
    """``input`` times the normal distribution function (Hendrycks and Gimpel, 2016).

    `approximate` is ``"none"`` or ``"tanh"``.
    """
    if approximate == "tanh":
        inner = _TANH_SCALE * (input + _TANH_CUBIC * input * input * input)
        return 0.5 * input * (1 + inner.tanh())
    return 0.5 * input * (1 + (input * math.sqrt(0.5)).erf())
