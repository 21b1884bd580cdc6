"""Losses between scores of classes and the classes that are right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dlf
from dlf.amp.listed import listed
from dlf.ops import cross_entropy as fused
from dlf.ops import loss as ops
from dlf.ops.loss import reduce_loss
from dlf.ops.softmax import log_softmax

from ._check import reduction_of

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = ["check_class_weight", "cross_entropy", "linear_cross_entropy", "nll_loss"]


def check_class_weight(weight: Tensor | None, classes: int) -> None:
    """RuntimeError unless `weight` has one value for each class."""
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
    check_class_weight(weight, shape[1])
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
    check_class_weight(weight, classes)
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
