"""Softmax and its logarithm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlf.registry import composite

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = ["log_softmax", "log_softmax_backward", "softmax", "softmax_backward"]


@composite(
    inputs=2,
    vjp=(
        lambda g, output, dim: softmax_backward(g, output, dim),
        lambda g, grad, output, dim: (
            g * (grad - (grad * output).sum(dim, keepdim=True))
            - grad * (g * output).sum(dim, keepdim=True)
        ),
    ),
)
def softmax_backward(grad: Tensor, output: Tensor, dim: int) -> Tensor:
    """Gradient of `softmax` from its `output`."""
    weighted = grad * output
    return weighted - output * weighted.sum(dim, keepdim=True)


@composite(inputs=1, vjp=lambda g, out, dim: softmax_backward(g, out, dim))
def softmax(input: Tensor, dim: int) -> Tensor:
    """``exp(input) / sum(exp(input))`` along `dim`, shifted by the maximum against overflow."""
    if input.numel() == 0:
        return input.clone()
    raised = (input - input.amax(dim, keepdim=True)).exp()
    return raised / raised.sum(dim, keepdim=True)


@composite(
    inputs=2,
    vjp=(
        lambda g, output, dim: g - (g * output.exp()).sum(dim, keepdim=True),
        lambda g, grad, output, dim: -g * output.exp() * grad.sum(dim, keepdim=True),
    ),
)
def log_softmax_backward(grad: Tensor, output: Tensor, dim: int) -> Tensor:
    """Gradient of `log_softmax` from its `output`."""
    return grad - output.exp() * grad.sum(dim, keepdim=True)


@composite(inputs=1, vjp=lambda g, out, dim: log_softmax_backward(g, out, dim))
def log_softmax(input: Tensor, dim: int) -> Tensor:
    """Logarithm of `softmax` along `dim`, without underflow."""
    if input.numel() == 0:
        return input.clone()
    shifted = input - input.amax(dim, keepdim=True)
    return shifted - shifted.exp().sum(dim, keepdim=True).log()
