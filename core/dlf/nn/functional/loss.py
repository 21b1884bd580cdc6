"""Losses.

``reduction`` is ``"mean"``, ``"sum"`` or ``"none"`` (ValueError for another word); ``size_average``
and ``reduce`` are PyTorch's deprecated flags for the same.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import dlf
from dlf.amp.listed import listed
from dlf.ops import loss as ops
from dlf.ops.loss import reduce_loss

from ._check import reduction_of

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "gaussian_nll_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]


def _paired(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both in one shape and dtype; unequal shapes are usually a mistake, so they warn."""
    if input._data.shape != target._data.shape:
        warnings.warn(
            f"the target has size {target.shape} and the input {input.shape}: they are broadcast, "
            "which is rarely what is meant; give both one size",
            stacklevel=3,
        )
        input, target = dlf.broadcast_tensors(input, target)
    if input.dtype is not target.dtype:
        kind = dlf.promote_types(input.dtype, target.dtype)
        input, target = input.to(kind), target.to(kind)
    return input, target


def _weighted(loss: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """Elementwise `loss` times `weight`; the mean is over the sum of weights."""
    if weight is None:
        return reduce_loss(loss, reduction)
    if weight.shape != loss.shape:
        raise ValueError("Weights and input must have the same size.")
    if reduction == "mean":
        return (loss * weight).sum() / weight.sum()
    return reduce_loss(loss * weight, reduction)


@listed
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """``(input - target) ** 2``, times `weight` of the same shape; the mean is then over the
    weights.
    """
    if size_average is not None or reduce is not None:
        reduction = reduction_of(size_average, reduce, reduction)
    input, target = _paired(input, target)
    if weight is not None:
        return _weighted(ops.mse_loss(input, target, "none"), weight, reduction)
    result: Tensor = ops.mse_loss(input, target, reduction)
    return result


@listed
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """``|input - target|``, times `weight` of the same shape; the mean is then over the weights."""
    reduction = reduction_of(size_average, reduce, reduction)
    input, target = _paired(input, target)
    return _weighted((input - target).abs(), weight, reduction)


@listed
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """``d ** 2 / (2 * beta)`` below `beta`, ``d - beta / 2`` above (Girshick, 2015)."""
    reduction = reduction_of(size_average, reduce, reduction)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    input, target = _paired(input, target)
    return reduce_loss(ops.smooth_l1(input, target, beta), reduction)


@listed
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """``d ** 2 / 2`` up to `delta`, ``delta * (d - delta / 2)`` above (Huber, 1964)."""
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    input, target = _paired(input, target)
    return _weighted(ops.huber(input, target, delta), weight, reduction)


@listed
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``-(target * log(input) + (1 - target) * log(1 - input))`` of probabilities in one shape.

    Logarithms are held above -100. `weight` broadcasts. ValueError for unequal shapes, RuntimeError
    for a probability outside [0, 1].
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if target.shape != input.shape:
        raise ValueError(
            f"binary_cross_entropy: input and target must have one size, got {input.shape} and "
            f"{target.shape}"
        )
    if input.device.checks and bool(((input < 0) | (input > 1)).any()):
        raise RuntimeError("all elements of input should be between 0 and 1")
    loss = ops.binary_cross_entropy(input, target)
    return reduce_loss(loss if weight is None else loss * weight, reduction)


@listed
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """`binary_cross_entropy` of ``sigmoid(input)``, without overflow; `pos_weight` weighs
    positives.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if target.shape != input.shape:
        raise ValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape})"
        )
    loss = ops.binary_cross_entropy_with_logits(input, target, pos_weight)
    return reduce_loss(loss if weight is None else loss * weight, reduction)


@listed
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """``target * (log(target) - input)`` of log-probabilities `input` (Kullback and Leibler, 1951).

    ``"mean"`` is over elements; ``"batchmean"`` divides the sum by the first dimension, which is
    the divergence.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition. 'mean' will be changed to behave the same as 'batchmean' in the next "
            "major release.",
            stacklevel=2,
        )
    loss = ops.kl_divergence(input, target, log_target)
    if reduction == "batchmean":
        return loss.sum() / (input.shape[0] if input.ndim else 1)
    return reduce_loss(loss, reduction)


@listed
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``exp(input) - target * input``, or with a rate not given as logarithm
    ``input - target * log(input + eps)``.

    `full` adds Stirling's approximation of ``log(target!)`` where `target` is above 1.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        safe = dlf.where(target > 1, target, 1)
        stirling = safe * safe.log() - safe + 0.5 * (2 * math.pi * safe).log()
        loss = loss + dlf.where(target > 1, stirling, 0)
    return reduce_loss(loss, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """``(log(var) + (input - target) ** 2 / var) / 2`` with `var` at least `eps` (Nix and Weigend,
    1994).

    `full` adds ``log(2 * pi) / 2``. `var` has the input's shape, lacks its last dimension, or has 1
    there. ValueError for another shape, or if it is negative.
    """
    if isinstance(var, (int, float)):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * dlf.ones_like(input)
    elif var.device.checks and bool((var < 0).any()):
        raise ValueError("var has negative entry/entries")
    if var.shape != input.shape:
        if input.shape[:-1] == var.shape:
            var = var.unsqueeze(-1)
        elif not (input.shape[:-1] == var.shape[:-1] and var.shape[-1] == 1):
            raise ValueError("var is of incorrect size")
    assert not isinstance(var, float)
    # The bound changes the value alone: the gradient passes as if it were not there.
    held = var + (var.detach().clamp(min=eps) - var.detach())
    loss = 0.5 * (held.log() + (input - target).square() / held)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduce_loss(loss, reduction)
