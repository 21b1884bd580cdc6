"""Losses.

``reduction`` is ``"mean"``, ``"sum"`` or ``"none"`` (ValueError for another word); ``size_average``
and ``reduce`` are PyTorch's deprecated flags for the same.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import dlf
from dlf.amp.listed import listed
from dlf.ops import cross_entropy as fused
from dlf.ops import loss as ops
from dlf.ops.loss import reduce_loss
from dlf.ops.softmax import log_softmax

from ._check import reduction_of
from .activation import logsigmoid
from .distance import pairwise_distance

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cross_entropy",
    "ctc_loss",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "linear_cross_entropy",
    "margin_ranking_loss",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
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


def _check_class_weight(weight: Tensor | None, classes: int) -> None:
    if weight is not None and tuple(weight.shape) != (classes,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but "
            f"got weight tensor of shape: {list(weight.shape)}"
        )


@listed
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``-weight[target] * input[target]`` of log-probabilities ``(N, C, ...)`` or ``(C,)``.

    `target` ``(N, ...)`` or ``()`` holds class indices; those equal to `ignore_index` do not count.
    The mean is over the weights of the targets. ValueError or RuntimeError if the shapes do not
    fit, IndexError for a class out of range.
    """
    if size_average is not None or reduce is not None:
        reduction = reduction_of(size_average, reduce, reduction)
    input, target, single = _batch("nll_loss", input, target, weight, reduction)
    with _targets_named(target, input.shape[1], ignore_index):
        loss: Tensor = ops.nll(input, target, weight, ignore_index, reduction)[0]
    return loss.squeeze(0) if single and reduction == "none" else loss


def _batch(
    name: str, input: Tensor, target: Tensor, weight: Tensor | None, reduction: str
) -> tuple[Tensor, Tensor, bool]:
    """Values ``(N, C, ...)`` and int64 targets ``(N, ...)``, and whether they were one sample's."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(
            f"{reduction} is not a valid value for reduction; use 'none', 'mean' or 'sum'"
        )
    if input.ndim == 0:
        raise RuntimeError(f"{name}: input should be 1-D or more, got 0-D")
    if target.dtype is not dlf.int64:
        if target.dtype is not dlf.uint8:
            raise RuntimeError(
                f"{name}: expected target of dtype int64 or uint8, got {target.dtype}"
            )
        target = target.to(dlf.int64)
    single = input.ndim == 1
    if single:
        if target.ndim > 1 or target.numel() != 1:
            raise ValueError(
                f"{name}: expected target of shape () for input of shape {tuple(input.shape)}, "
                f"got {tuple(target.shape)}"
            )
        input, target = input.unsqueeze(0), target.reshape(1)
    shape, classes = input._data.shape, target._data.shape
    if not classes or shape[0] != classes[0]:
        raise ValueError(
            f"{name}: expected a target for each of the {shape[0]} rows of input, got target of "
            f"shape {tuple(classes)}"
        )
    if shape[2:] != classes[1:]:
        raise RuntimeError(
            f"{name}: expected target of size {[shape[0], *shape[2:]]}, got {list(classes)}"
        )
    _check_class_weight(weight, shape[1])
    return input, target, single


class _targets_named:
    """Around a kernel: if it fails for a class out of range, the error says which."""

    __slots__ = ("classes", "ignore_index", "target")

    def __init__(self, target: Tensor, classes: int, ignore_index: int) -> None:
        self.target, self.classes, self.ignore_index = target, classes, ignore_index

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, (IndexError, RuntimeError)):
            return
        target = self.target
        wrong = ((target < 0) | (target >= self.classes)) & (target != self.ignore_index)
        if bool(wrong.any()):
            raise IndexError(
                f"Target {int(target[wrong][0])} is out of bounds for {self.classes} classes."
            ) from error


@listed
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross entropy of logits ``(N, C, ...)`` or ``(C,)`` with class indices or probabilities.

    `target` holds int64 indices ``(N, ...)``, of which those equal to `ignore_index` do not count,
    or probabilities in the input's shape. `weight` ``(C,)`` weighs the classes; the mean is over
    the weights of the indices, or over N for probabilities. `label_smoothing` mixes in the uniform
    distribution (Szegedy et al., 2015). Errors as for `nll_loss`.
    """
    if size_average is not None or reduce is not None:
        reduction = reduction_of(size_average, reduce, reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if input.ndim == 0:
        raise RuntimeError("cross_entropy: input should be 1-D or more, got 0-D")
    dim = 0 if input.ndim == 1 else 1
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"cross_entropy: expected a floating-point input, got {input.dtype}")
    if target.dtype.is_floating_point and target._data.shape == input._data.shape:
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing, dim)
    input, target, single = _batch("cross_entropy", input, target, weight, reduction)
    with _targets_named(target, input._data.shape[1], ignore_index):
        loss: Tensor = fused.cross_entropy(
            input, target, weight, ignore_index, label_smoothing, reduction
        )[0]
    return loss.squeeze(0) if single and reduction == "none" else loss


def _along(weight: Tensor, ndim: int, dim: int) -> Tensor:
    shape = [1] * ndim
    shape[dim] = -1
    return weight.reshape(shape)


def _soft_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    reduction: str,
    label_smoothing: float,
    dim: int,
) -> Tensor:
    classes = input.shape[dim]
    _check_class_weight(weight, classes)
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    log_probs = log_softmax(input, dim)
    if weight is not None:
        log_probs = log_probs * _along(weight, log_probs.ndim, dim)
    loss = -(log_probs * target).sum(dim)
    if reduction == "mean":
        # The mean is over samples and places, also where there are none.
        return loss.sum() / (input.numel() // classes) if input.numel() else loss.sum() / 0
    return reduce_loss(loss, reduction)


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Tensor:
    """`cross_entropy` of ``linear(input, linear_weight, linear_bias)``."""
    from .linear import linear

    logits = linear(input, linear_weight, linear_bias)
    return cross_entropy(
        logits.reshape(-1, logits.shape[-1]),
        target.reshape(-1),
        ignore_index=ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


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


@listed
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``log(1 + exp(-target * input))`` with targets of 1 and -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    return reduce_loss(ops.soft_margin(input, target), reduction)


@listed
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``max(0, -target * (input1 - input2) + margin)``; a target of 1 ranks `input1` higher."""
    reduction = reduction_of(size_average, reduce, reduction)
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.shape}, input2: {input2.shape}, target: {target.shape} "
        )
    return reduce_loss((-target * (input1 - input2) + margin).clamp(min=0), reduction)


@listed
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """`input` where the target is 1, ``max(0, margin - input)`` where it is -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    apart = dlf.where(target != 1, (margin - input).clamp(min=0), 0)
    together = dlf.where(target != -1, input, 0)
    return reduce_loss(apart + together, reduction)


# What keeps the norms of a cosine from 0.
_COSINE_EPS = 1e-12


@listed
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``1 - cos`` where the target is 1, ``max(0, cos - margin)`` where it is -1.

    Shapes: ``(N, D), (N, D), (N,)`` or ``(D,), (D,), ()``.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if target.ndim not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input1.ndim != target.ndim + 1 or input2.ndim != target.ndim + 1:
        raise RuntimeError(
            f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found "
            f"inputs with sizes {list(input1.shape)} and {list(input2.shape)}."
        )
    product = (input1 * input2).sum(-1)
    square1 = input1.square().sum(-1) + _COSINE_EPS
    square2 = input2.square().sum(-1) + _COSINE_EPS
    cosine = product / (square1 * square2).sqrt()
    positive = dlf.where(target == 1, 1 - cosine, 0)
    negative = dlf.where(target == -1, (cosine - margin).clamp(min=0), 0)
    return reduce_loss(positive + negative, reduction)


@listed
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` with p-norm distances.

    `swap` takes the positive's distance to the negative where that is less (Balntas et al., 2016).
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    return triplet_margin_with_distance_loss(
        anchor,
        positive,
        negative,
        distance_function=lambda a, b: pairwise_distance(a, b, p, eps),
        margin=margin,
        swap=swap,
        reduction=reduction,
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with any distance; the default is `pairwise_distance`."""
    distance = pairwise_distance if distance_function is None else distance_function
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.ndim}D, positive {positive.ndim}D, and negative "
            f"{negative.ndim}D inputs"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduce_loss((near - far + margin).clamp(min=0), reduction)


@listed
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``sum(max(0, margin - input[target] + input[i]) ** p) / C`` over the other classes i.

    Shapes: ``(N, C), (N,)`` or ``(C,), ()``; `weight` ``(C,)`` multiplies by the target's.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    single = input.ndim < 2
    if single:
        input, target = input.reshape(1, -1), target.reshape(1)
    if input.ndim != 2 or tuple(target.shape) != (input.shape[0],):
        raise RuntimeError(
            f"inconsistent target size, expected {[input.shape[0]]} but got {list(target.shape)}"
        )
    classes = input.shape[1]
    at = target.unsqueeze(1)
    gap = (margin - input.gather(1, at) + input).clamp(min=0)
    if p == 2:
        gap = gap.square()
    if weight is not None:
        _check_class_weight(weight, classes)
        gap = gap * weight[target].unsqueeze(1)
    others = at != dlf.arange(classes, device=input.device)
    loss = dlf.where(others, gap, 0).sum(1) / classes
    return reduce_loss(loss.squeeze(0) if single else loss, reduction)


@listed
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Sum of ``max(0, 1 - input[t] + input[i]) / C`` over targets t and other classes i.

    Shapes: both ``(N, C)`` or ``(C,)``; a row of targets ends at its first -1.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if target.shape != input.shape or input.ndim not in (1, 2):
        raise RuntimeError(
            f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}"
        )
    single = input.ndim == 1
    if single:
        input, target = input.unsqueeze(0), target.unsqueeze(0)
    classes = input.shape[1]
    counts = (target < 0).to(dlf.int64).cumsum(1) == 0
    safe = dlf.where(counts, target, 0)
    marked = dlf.zeros_like(target).scatter_add(1, safe, counts.to(target.dtype)) > 0
    gap = (1 - input.gather(1, safe).unsqueeze(2) + input.unsqueeze(1)).clamp(min=0)
    valid = counts.unsqueeze(2) & (~marked).unsqueeze(1)
    loss = dlf.where(valid, gap, 0).sum((1, 2)) / classes
    return reduce_loss(loss.squeeze(0) if single else loss, reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Binary cross entropy of ``sigmoid(input)``, averaged over the last dimension."""
    reduction = reduction_of(size_average, reduce, reduction)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return reduce_loss(loss.sum(-1) / input.shape[-1], reduction)


@listed
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | list[int] | tuple[int, ...],
    target_lengths: Tensor | list[int] | tuple[int, ...],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Connectionist temporal classification (Graves et al., 2006).

    Shapes: `log_probs` ``(T, N, C)`` or ``(T, C)``; `targets` ``(N, S)``, or all of them end to
    end. Lengths are one a sample. The mean divides each loss by its target's length;
    `zero_infinity` takes 0 for samples whose targets do not fit their input.
    """
    single = log_probs.ndim == 2
    if single:
        log_probs = log_probs.unsqueeze(1)
    steps, batch, classes = log_probs.shape
    in_lengths, out_lengths = _lengths(input_lengths), _lengths(target_lengths)
    if len(in_lengths) != batch or len(out_lengths) != batch:
        raise RuntimeError("input_lengths and target_lengths must be of size batch_size")
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    if in_lengths and max(in_lengths) > steps:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got value {max(in_lengths)}"
        )
    labels = _labels(targets, out_lengths, blank)
    losses = -_ctc_log_likelihood(log_probs, labels, in_lengths, out_lengths, blank)
    if zero_infinity:
        losses = dlf.where(losses == float("inf"), 0, losses)
    if reduction == "mean":
        shares = dlf.tensor(
            [max(n, 1) for n in out_lengths], dtype=losses.dtype, device=losses.device
        )
        return (losses / shares).mean()
    return reduce_loss(losses.squeeze(0) if single else losses, reduction)


def _lengths(lengths: Tensor | list[int] | tuple[int, ...]) -> list[int]:
    if isinstance(lengths, (list, tuple)):
        return [int(n) for n in lengths]
    return [int(n) for n in lengths.reshape(-1).tolist()]


def _labels(targets: Tensor, lengths: list[int], blank: int) -> list[list[int]]:
    """Each sample's labels with blanks between and around them, all as long as the longest."""
    flat = targets.tolist()
    if targets.ndim == 1:
        rows, start = [], 0
        for n in lengths:
            rows.append(flat[start : start + n])
            start += n
    else:
        rows = [row[:n] for row, n in zip(flat, lengths, strict=True)]
    longest = 2 * max(lengths, default=0) + 1
    spread = []
    for row in rows:
        mixed = [blank]
        for label in row:
            mixed += [label, blank]
        spread.append(mixed + [blank] * (longest - len(mixed)))
    return spread


def _ctc_log_likelihood(
    log_probs: Tensor,
    labels: list[list[int]],
    in_lengths: list[int],
    out_lengths: list[int],
    blank: int,
) -> Tensor:
    """The forward recursion over time, for all samples at once: ``(N,)``."""
    device, low = log_probs.device, float("-inf")
    batch, width = len(labels), len(labels[0])
    index = dlf.tensor(labels, dtype=dlf.int64, device=device)
    skips = dlf.tensor(
        [
            [s > 1 and row[s] != blank and row[s] != row[s - 2] for s in range(width)]
            for row in labels
        ],
        device=device,
    )
    begins = dlf.tensor([[s < 2 for s in range(width)]] * batch, device=device)
    ends = dlf.tensor(
        [[2 * n - 1 <= s <= 2 * n for s in range(width)] for n in out_lengths], device=device
    )
    seen = [log_probs[t].gather(1, index) for t in range(max(in_lengths, default=0))]
    none = dlf.full((batch, width), low, dtype=log_probs.dtype, device=device)
    # Before the first step nothing is read, which only an empty target explains.
    empty = dlf.tensor([[s == 0 for s in range(width)]] * batch, device=device)
    alpha = dlf.where(empty, 0.0, none)
    for t, now in enumerate(seen):
        if t == 0:
            moved = dlf.where(begins, now, none)
        else:
            one = dlf.cat([none[:, :1], alpha[:, :-1]], 1)
            two = dlf.cat([none[:, :2], alpha[:, :-2]], 1)[:, :width]
            moved = _log_sum([alpha, one, dlf.where(skips, two, none)]) + now
        running = dlf.tensor([[t < n] for n in in_lengths], device=device)
        alpha = dlf.where(running, moved, alpha)
    result: Tensor = _log_sum([dlf.where(ends, alpha, none)[:, s] for s in range(width)])
    return result


def _log_sum(terms: list[Tensor]) -> Tensor:
    """``log(sum(exp(terms)))`` whose gradient is 0, not NaN, where all are minus infinity."""
    stacked = dlf.stack(terms)
    top = stacked.detach().amax(0)
    dead = top == float("-inf")
    shifted = (stacked - dlf.where(dead, 0, top)).exp().sum(0)
    total: Tensor = dlf.where(dead, 1, shifted).log() + dlf.where(dead, 0, top)
    return dlf.where(dead, float("-inf"), total)
