"""Cross entropy of logits with class indices, and its gradient, each an op that can be fused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dlf
from dlf.registry import composite

from .loss import nll, nll_backward
from .softmax import log_softmax, log_softmax_backward

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = ["cross_entropy", "cross_entropy_backward"]


def _along(weight: Tensor, ndim: int) -> Tensor:
    return weight.reshape(-1, *(1,) * (ndim - 2))


@composite(inputs=5)
def cross_entropy_backward(
    grad: Tensor,
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    total_weight: Tensor,
    ignore_index: int,
    label_smoothing: float,
    reduction: str,
) -> Tensor:
    """Gradient of `cross_entropy` by its logits; `total_weight` is its second result."""
    classes = input.shape[1]
    by_log_probs = nll_backward(
        grad, target, weight, total_weight, classes, ignore_index, reduction
    )
    if label_smoothing:
        each = grad / total_weight if reduction == "mean" else grad
        each = dlf.where(target != ignore_index, each, 0).unsqueeze(1) * (label_smoothing / classes)
        if weight is not None:
            each = each * _along(weight, input.ndim)
        by_log_probs = by_log_probs * (1 - label_smoothing) - each
    return log_softmax_backward(by_log_probs, log_softmax(input, 1), 1)


@composite(
    inputs=3,
    outputs=2,
    vjp=lambda g, out, input, target, weight, ignore_index, label_smoothing, reduction: (
        # The sum of the weights depends on no logit.
        None
        if g[0] is None
        else cross_entropy_backward(
            g[0], input, target, weight, out[1], ignore_index, label_smoothing, reduction
        ),
        None,
        None,
    ),
)
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    label_smoothing: float,
    reduction: str,
) -> tuple[Tensor, Tensor]:
    """`nll` of ``log_softmax(input, 1)``, and the sum of the weights of the targets that count.

    Shapes: ``(N, C, ...), (N, ...), (C,)``. With `label_smoothing` that share of each target is
    spread evenly over the classes (Szegedy et al., 2015).
    """
    log_probs = log_softmax(input, 1)
    loss, total = nll(log_probs, target, weight, ignore_index, reduction)
    if not label_smoothing:
        return loss, total
    spread = log_probs if weight is None else log_probs * _along(weight, input.ndim)
    uniform = dlf.where(target == ignore_index, 0, -spread.sum(1))
    if reduction != "none":
        uniform = uniform.sum() / total if reduction == "mean" else uniform.sum()
    return loss * (1 - label_smoothing) + uniform * (label_smoothing / input.shape[1]), total
