"""Activation functions; results have the shape and dtype of the input."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import dlf
from dlf.ops import activation as ops
from dlf.ops import softmax as softmax_ops
from dlf.ops.norm import per_channel

from ._check import floating, in_place

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "log_softmax",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
]


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """``max(input, 0)``."""
    if inplace:
        return in_place(ops.relu, input)
    result: Tensor = ops.relu(input)
    return result


def relu_(input: Tensor) -> Tensor:
    """In-place `relu`."""
    return relu(input, True)


def sigmoid(input: Tensor) -> Tensor:
    """``1 / (1 + exp(-input))``."""
    result: Tensor = ops.sigmoid(input)
    return result


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return input.tanh()


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """`input` where it is above `threshold`, `value` elsewhere."""
    if inplace:
        return in_place(ops.threshold, input, threshold, value)
    result: Tensor = ops.threshold(input, threshold, value)
    return result


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """In-place `threshold`."""
    return in_place(ops.threshold, input, threshold, value)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """`input` held between `min_val` and `max_val`; ValueError if they are the wrong way round."""
    if min_val > max_val:
        raise ValueError(f"min_val cannot be greater than max_val, got {min_val} and {max_val}")
    if inplace:
        return in_place(ops.hardtanh, input, min_val, max_val)
    result: Tensor = ops.hardtanh(input, min_val, max_val)
    return result


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """In-place `hardtanh`."""
    return hardtanh(input, min_val, max_val, True)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """``min(max(input, 0), 6)``."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """``relu6(input + 3) / 6``."""
    floating(input, "hardsigmoid")
    if inplace:
        return in_place(ops.hardsigmoid, input)
    result: Tensor = ops.hardsigmoid(input)
    return result


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * relu6(input + 3) / 6`` (Howard et al., 2019)."""
    floating(input, "hardswish")
    if inplace:
        return in_place(ops.hardswish, input)
    result: Tensor = ops.hardswish(input)
    return result


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """`input` above 0, ``alpha * (exp(input) - 1)`` elsewhere (Clevert et al., 2015)."""
    floating(input, "elu")
    if inplace:
        return in_place(ops.elu, input, alpha, 1.0, 1.0)
    result: Tensor = ops.elu(input, alpha, 1.0, 1.0)
    return result


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """In-place `elu`."""
    return elu(input, alpha, True)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Self-normalizing `elu` (Klambauer et al., 2017)."""
    floating(input, "selu")
    return in_place(ops.selu, input) if inplace else ops.selu(input)


def selu_(input: Tensor) -> Tensor:
    """In-place `selu`."""
    return selu(input, True)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``max(input, 0) + min(0, alpha * (exp(input / alpha) - 1))``; `alpha` 0: RuntimeError."""
    floating(input, "celu")
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    if inplace:
        return in_place(ops.elu, input, alpha, 1.0, 1.0 / alpha)
    result: Tensor = ops.elu(input, alpha, 1.0, 1.0 / alpha)
    return result


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """In-place `celu`."""
    return celu(input, alpha, True)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """`input` above 0, ``negative_slope * input`` elsewhere."""
    floating(input, "leaky_relu")
    if inplace:
        return in_place(ops.leaky_relu, input, negative_slope)
    result: Tensor = ops.leaky_relu(input, negative_slope)
    return result


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """In-place `leaky_relu`."""
    return leaky_relu(input, negative_slope, True)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """`leaky_relu` with a learned slope: `weight` has one element or one a channel."""
    if weight.ndim > 1:
        raise RuntimeError(f"prelu: expected weight to be a scalar or 1-D, got {weight.ndim}-D")
    count = weight.numel()
    if weight.ndim == 1 and count != 1:
        if input.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = input.shape[1] if input.ndim > 1 else 1
        if channels != count:
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{count} and channel size = {channels}."
            )
        weight = per_channel(weight, max(input.ndim, 2))
    result: Tensor = ops.prelu(input, weight)
    return result


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """`leaky_relu` with a slope drawn from ``[lower, upper]`` in training, and their mean else."""
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    slope = dlf.rand(input.shape, dtype=input.dtype, device=input.device) * (upper - lower) + lower
    if inplace:
        return in_place(ops.prelu, input, slope)
    result: Tensor = ops.prelu(input, slope)
    return result


def rrelu_(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False
) -> Tensor:
    """In-place `rrelu`."""
    return rrelu(input, lower, upper, training, True)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """First half of `input` along `dim` times the sigmoid of the second half (Dauphin et al.,
    2017).
    """
    if input.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    size = input.size(dim)
    if size % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {dim % input.ndim} is size {size}"
        )
    result: Tensor = ops.glu(input, dim)
    return result


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """`input` times the normal distribution function; `approximate` is ``"none"`` or ``"tanh"``."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    floating(input, "gelu")
    result: Tensor = ops.gelu(input, approximate)
    return result


def logsigmoid(input: Tensor) -> Tensor:
    """``log(sigmoid(input))``."""
    floating(input, "logsigmoid")
    result: Tensor = ops.logsigmoid(input)
    return result


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """`input` where ``|input| > lambd``, 0 elsewhere."""
    floating(input, "hardshrink")
    result: Tensor = ops.hardshrink(input, lambd)
    return result


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """`input` moved towards 0 by `lambd`, which may not be negative (RuntimeError)."""
    floating(input, "softshrink")
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    result: Tensor = ops.softshrink(input, lambd)
    return result


def tanhshrink(input: Tensor) -> Tensor:
    """``input - tanh(input)``."""
    floating(input, "tanhshrink")
    result: Tensor = ops.tanhshrink(input)
    return result


def softsign(input: Tensor) -> Tensor:
    """``input / (1 + |input|)``."""
    result: Tensor = ops.softsign(input)
    return result


def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """``log(1 + exp(beta * input)) / beta``, and `input` where ``beta * input > threshold``."""
    floating(input, "softplus")
    result: Tensor = ops.softplus(input, beta, threshold)
    return result


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * sigmoid(input)``."""
    floating(input, "silu")
    if inplace:
        return in_place(ops.silu, input)
    result: Tensor = ops.silu(input)
    return result


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * tanh(softplus(input))`` (Misra, 2019)."""
    floating(input, "mish")
    if inplace:
        return in_place(ops.mish, input)
    result: Tensor = ops.mish(input)
    return result


def _implicit_dim(name: str, ndim: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
        "dim=X as an argument.",
        stacklevel=4,
    )
    return 0 if ndim in (0, 1, 3) else 1


def _prepared(
    name: str, input: Tensor, dim: int | None, dtype: dlf.dtype | None
) -> tuple[Tensor, int]:
    if dim is None:
        dim = _implicit_dim(name, input.ndim)
    limit = max(input.ndim, 1)
    if not -limit <= dim < limit:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-limit}, {limit - 1}], but got "
            f"{dim})"
        )
    if dtype is not None:
        input = input.to(dtype)
    floating(input, name)
    return input, dim % limit


def softmax(
    input: Tensor,
    dim: int | None = None,
    _stacklevel: int = 3,
    dtype: dlf.dtype | None = None,
) -> Tensor:
    """``exp(input) / sum(exp(input))`` along `dim`; `dtype` is converted to first.

    Without `dim`, PyTorch's implicit choice is taken, with a warning.
    """
    result: Tensor = softmax_ops.softmax(*_prepared("softmax", input, dim, dtype))
    return result


def softmin(
    input: Tensor,
    dim: int | None = None,
    _stacklevel: int = 3,
    dtype: dlf.dtype | None = None,
) -> Tensor:
    """`softmax` of ``-input``."""
    input, dim = _prepared("softmin", input, dim, dtype)
    result: Tensor = softmax_ops.softmax(-input, dim)
    return result


def log_softmax(
    input: Tensor,
    dim: int | None = None,
    _stacklevel: int = 3,
    dtype: dlf.dtype | None = None,
) -> Tensor:
    """Logarithm of `softmax`, without underflow."""
    result: Tensor = softmax_ops.log_softmax(*_prepared("log_softmax", input, dim, dtype))
    return result


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A sample from the Gumbel-softmax distribution (Jang et al., 2016).

    `hard` gives a one-hot sample whose gradient is that of the soft one; `eps` has no effect.
    """
    uniform = dlf.rand(logits.shape, dtype=logits.dtype, device=logits.device)
    # rand may give 0, whose logarithm is infinite.
    gumbels = -(-(uniform.clamp(min=dlf.finfo(logits.dtype).tiny).log())).log()
    soft = softmax((logits + gumbels) / tau, dim)
    if not hard:
        return soft
    index = soft.argmax(dim, keepdim=True)
    one_hot = dlf.zeros_like(logits).scatter(dim, index, 1.0)
    return one_hot - soft.detach() + soft
