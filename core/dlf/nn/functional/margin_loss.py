"""Losses that ask for a margin: between scores, or between distances."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import dlf
from dlf.amp.listed import listed
from dlf.ops import loss as ops
from dlf.ops.loss import reduce_loss

from ._check import reduction_of
from .activation import logsigmoid
from .class_loss import check_class_weight
from .distance import pairwise_distance

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


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
        check_class_weight(weight, classes)
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
