"""Losses, one value an element; `dlf.nn.functional.loss` checks arguments and reduces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dlf
from dlf.registry import composite

from .activation import sigmoid

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "huber",
    "kl_divergence",
    "mse_loss",
    "mse_loss_backward",
    "nll",
    "nll_backward",
    "reduce_loss",
    "smooth_l1",
    "soft_margin",
]


def reduce_loss(loss: Tensor, reduction: str) -> Tensor:
    """`loss` itself, its mean or its sum, by `reduction`; ValueError for another word."""
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise ValueError(f"{reduction} is not a valid value for reduction; use 'none', 'mean' or 'sum'")


@composite(inputs=3)
def mse_loss_backward(grad: Tensor, input: Tensor, target: Tensor, reduction: str) -> Tensor:
    """Gradient of `mse_loss` by `input`; that by `target` is its negative."""
    factor = 2 / max(input.numel(), 1) if reduction == "mean" else 2
    return (input - target) * (grad * factor)


@composite(
    inputs=2,
    vjp=(
        lambda g, input, target, reduction: mse_loss_backward(g, input, target, reduction),
        lambda g, input, target, reduction: -mse_loss_backward(g, input, target, reduction),
    ),
)
def mse_loss(input: Tensor, target: Tensor, reduction: str) -> Tensor:
    """``(input - target) ** 2`` of tensors of one shape, reduced."""
    return reduce_loss((input - target).square(), reduction)


def _smooth_l1_vjp(g: Tensor, input: Tensor, target: Tensor, beta: float) -> Tensor:
    difference = input - target
    inside = difference.abs() < beta
    # A beta of 0 divides nothing: no element is inside.
    return dlf.where(inside, g * difference / (beta or 1), g * difference.sign())


@composite(
    inputs=2,
    vjp=(
        lambda g, input, target, beta: _smooth_l1_vjp(g, input, target, beta),
        lambda g, input, target, beta: -_smooth_l1_vjp(g, input, target, beta),
    ),
)
def smooth_l1(input: Tensor, target: Tensor, beta: float) -> Tensor:
    """``d ** 2 / (2 * beta)`` where ``d = |input - target| < beta``, else ``d - beta / 2``
    (Girshick, 2015).
    """
    distance = (input - target).abs()
    if beta == 0:
        return distance
    return dlf.where(distance < beta, distance * distance * (0.5 / beta), distance - 0.5 * beta)


def _huber_vjp(g: Tensor, input: Tensor, target: Tensor, delta: float) -> Tensor:
    difference = input - target
    return dlf.where(difference.abs() <= delta, g * difference, g * difference.sign() * delta)


@composite(
    inputs=2,
    vjp=(
        lambda g, input, target, delta: _huber_vjp(g, input, target, delta),
        lambda g, input, target, delta: -_huber_vjp(g, input, target, delta),
    ),
)
def huber(input: Tensor, target: Tensor, delta: float) -> Tensor:
    """``d ** 2 / 2`` where ``d = |input - target| <= delta``, else ``delta * (d - delta / 2)``
    (Huber, 1964).
    """
    distance = (input - target).abs()
    quadratic = 0.5 * distance * distance
    return dlf.where(distance <= delta, quadratic, delta * (distance - 0.5 * delta))


_LOG_FLOOR = -100.0
_ODDS_FLOOR = 1e-12


@composite(
    inputs=2,
    vjp=(
        lambda g, input, target: (
            g * (input - target) / ((1 - input) * input).clamp(min=_ODDS_FLOOR)
        ),
        lambda g, input: g * ((-input).log1p() - input.log()),
    ),
)
def binary_cross_entropy(input: Tensor, target: Tensor) -> Tensor:
    """``-(target * log(input) + (1 - target) * log(1 - input))``, each logarithm at least -100."""
    positive = input.log().clamp(min=_LOG_FLOOR)
    negative = (-input).log1p().clamp(min=_LOG_FLOOR)
    return (target - 1) * negative - target * positive


def _logits_vjp(
    g: Tensor,
    input: Tensor,
    target: Tensor,
    pos_weight: Tensor | None,
    needs: tuple[bool, ...],
) -> tuple[Tensor | None, ...]:
    by_input = by_target = by_pos_weight = None
    if needs[0]:
        if pos_weight is None:
            by_input = g * (sigmoid(input) - target)
        else:
            raised = pos_weight * target
            by_input = g * ((raised + 1 - target) * sigmoid(input) - raised)
    if needs[1]:
        by_target = -g * input
        if pos_weight is not None:
            by_target = by_target + g * softplus_negative(input) * (pos_weight - 1)
    if needs[2]:
        by_pos_weight = g * target * softplus_negative(input)
    return by_input, by_target, by_pos_weight


def softplus_negative(input: Tensor) -> Tensor:
    """``log(1 + exp(-input))`` without overflow."""
    return (-input).clamp(min=0) + (-input.abs()).exp().log1p()


@composite(inputs=3, vjp=_logits_vjp)
def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, pos_weight: Tensor | None
) -> Tensor:
    """Binary cross entropy of ``sigmoid(input)``; `pos_weight` multiplies the positive term."""
    soft = softplus_negative(input)
    if pos_weight is not None:
        soft = soft * ((pos_weight - 1) * target + 1)
    return (1 - target) * input + soft


def _xlogy(target: Tensor) -> Tensor:
    """``target * log(target)``, 0 where it is 0."""
    safe = dlf.where(target == 0, 1, target)
    return dlf.where(target == 0, 0, target * safe.log())


@composite(
    inputs=2,
    vjp=(
        lambda g, target, log_target: -g * (target.exp() if log_target else target),
        lambda g, input, target, log_target: (
            g * target.exp() * (target - input + 1)
            if log_target
            else dlf.where(target == 0, 0, g * (target.log() - input + 1))
        ),
    ),
)
def kl_divergence(input: Tensor, target: Tensor, log_target: bool) -> Tensor:
    """``target * (log(target) - input)``; with `log_target`, `target` is given as its logarithm."""
    if log_target:
        return target.exp() * (target - input)
    return _xlogy(target) - target * input


@composite(
    inputs=2,
    vjp=(
        lambda g, input, target: -g * target * sigmoid(-input * target),
        lambda g, input, target: -g * input * sigmoid(-input * target),
    ),
)
def soft_margin(input: Tensor, target: Tensor) -> Tensor:
    """``log(1 + exp(-target * input))``."""
    return softplus_negative(target * input)


def _picked(log_probs: Tensor, target: Tensor, ignore_index: int) -> tuple[Tensor, Tensor, Tensor]:
    """The target's log-probabilities, where they count, and the targets made safe to index with."""
    counts = target != ignore_index
    safe = dlf.where(counts, target, 0)
    return log_probs.gather(1, safe.unsqueeze(1)).squeeze(1), counts, safe


def _target_weight(
    log_probs: Tensor, weight: Tensor | None, counts: Tensor, safe: Tensor
) -> Tensor:
    """What each target's loss is multiplied with: 0 where it is ignored."""
    if weight is None:
        return counts.to(log_probs.dtype)
    taken = weight.index_select(0, safe.reshape(-1)).reshape(safe.shape)
    return dlf.where(counts, taken, 0)


@composite(
    inputs=4,
    vjp=(
        lambda g, target, weight, total_weight, ignore_index, reduction: _nll_values(
            g, target, weight, total_weight, ignore_index, reduction
        ),
        None,
        None,
        None,
    ),
)
def nll_backward(
    grad: Tensor,
    target: Tensor,
    weight: Tensor | None,
    total_weight: Tensor,
    classes: int,
    ignore_index: int,
    reduction: str,
) -> Tensor:
    """Gradient of `nll` by `log_probs`: ``-grad * weight`` at the targets, 0 elsewhere."""
    counts = target != ignore_index
    safe = dlf.where(counts, target, 0)
    scale = _target_weight(grad, weight, counts, safe)
    if reduction == "mean":
        grad = grad / total_weight
    zeros = grad.new_zeros((target.shape[0], classes, *target.shape[1:]))
    # Chosen, not multiplied: 0 / 0 of a mean over no target stays out of the gradient.
    slope = dlf.where(counts, -grad * scale, 0)
    return zeros.scatter(1, safe.unsqueeze(1), slope.unsqueeze(1))


def _nll_values(
    log_probs: Tensor,
    target: Tensor,
    weight: Tensor | None,
    total_weight: Tensor,
    ignore_index: int,
    reduction: str,
) -> Tensor:
    picked, counts, safe = _picked(log_probs, target, ignore_index)
    loss = dlf.where(counts, -picked * _target_weight(log_probs, weight, counts, safe), 0)
    if reduction == "none":
        return loss
    return loss.sum() / total_weight if reduction == "mean" else loss.sum()


@composite(
    inputs=3,
    outputs=2,
    vjp=lambda g, out, log_probs, target, weight, ignore_index, reduction: (
        nll_backward(g[0], target, weight, out[1], log_probs.shape[1], ignore_index, reduction),
        None,
        None,
    ),
)
def nll(
    log_probs: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str
) -> tuple[Tensor, Tensor]:
    """``-weight[target] * log_probs[target]``, reduced, and the sum of the weights that counted.

    Shapes: ``(N, C, ...), (N, ...), (C,)``. `reduction` is ``"none"``, ``"sum"`` or ``"mean"``, the
    latter divides by the second result.
    """
    picked, counts, safe = _picked(log_probs, target, ignore_index)
    scale = _target_weight(log_probs, weight, counts, safe)
    loss = dlf.where(counts, -picked * scale, 0)
    total = scale.sum()
    if reduction == "none":
        return loss, total
    return (loss.sum() / total if reduction == "mean" else loss.sum()), total
