"""`RMSprop`: steps divided by a running root mean square of the gradient."""

from __future__ import annotations

from typing import Any

import dlf
from dlf.ops.step import rmsprop_step
from dlf.optim.optimizer import Group, Optimizer, Params, buckets, check_fused, check_options, rate
from dlf.tensor import Tensor

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """RMSprop (Hinton, "Neural Networks for Machine Learning", lecture 6e, 2012).

    ``v = alpha * v + (1 - alpha) * g**2; p -= lr * g / (sqrt(v) + eps)``. The centered form
    (Graves, "Generating Sequences With Recurrent Neural Networks", 2013) subtracts the square of
    the gradient's running mean from ``v``.

    Args:
        params: tensors or groups, see `Optimizer`.
        lr: learning rate, a number or a tensor of one element. Default: 1e-2.
        alpha: decay of the running mean. Default: 0.99.
        eps: added to the denominator. Default: 1e-8.
        weight_decay: L2 penalty. Default: 0.
        momentum: momentum factor. Default: 0.
        centered: divide by an estimate of the gradient's deviation. Default: False.
        maximize: ascend in place of descending. Default: False.
        capturable, foreach: accepted for PyTorch's sake; the update is one op for all tensors.
        differentiable: must be False.

    Raises:
        ValueError: a negative option.
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options(
            ("learning rate", lr),
            ("epsilon value", eps),
            ("momentum value", momentum),
            ("weight_decay value", weight_decay),
            ("alpha value", alpha),
        )
        check_fused(None, foreach, differentiable)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _update(self, group: Group) -> None:
        momentum, centered = group["momentum"] > 0, group["centered"]

        def init(p: Tensor) -> dict[str, Any]:
            state: dict[str, Any] = {"step": 0, "square_avg": dlf.zeros_like(p)}
            if momentum:
                state["momentum_buffer"] = dlf.zeros_like(p)
            if centered:
                state["grad_avg"] = dlf.zeros_like(p)
            return state

        for bucket in buckets(self, group, init):
            rmsprop_step(
                [r[0] for r in bucket],
                [r[1] for r in bucket],
                [r[2]["square_avg"] for r in bucket],
                [r[2]["grad_avg"] for r in bucket] if centered else None,
                [r[2]["momentum_buffer"] for r in bucket] if momentum else None,
                rate(group["lr"]),
                group["alpha"],
                group["eps"],
                group["weight_decay"],
                group["momentum"],
                group["maximize"],
            )
