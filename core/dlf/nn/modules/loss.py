"""What losses share: how the values of all elements become one."""

from __future__ import annotations

import warnings

from dlf.nn.module import Module
from dlf.tensor import Tensor

__all__ = ["Loss", "WeightedLoss"]


class Loss(Module):
    """Base of the losses.

    Args:
        size_average: deprecated, see `reduction`.
        reduce: deprecated, see `reduction`.
        reduction: "mean", "sum", or "none" for one value per element. Default: "mean".
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        if size_average is not None or reduce is not None:
            reduction = _legacy_reduction(size_average, reduce)
        self.reduction = reduction


class WeightedLoss(Loss):
    """A loss with a weight per class or element, kept as a buffer."""

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


def _legacy_reduction(size_average: bool | None, reduce: bool | None) -> str:
    reduction = "sum" if size_average is False else "mean"
    if reduce is False:
        reduction = "none"
    warnings.warn(
        "size_average and reduce args will be deprecated, please use "
        f"reduction='{reduction}' instead.",
        stacklevel=4,
    )
    return reduction
