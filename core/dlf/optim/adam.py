"""`Adam`: steps scaled by running moments of the gradient."""

from __future__ import annotations

from typing import Any

import dlf
from dlf.ops.step import adam_step
from dlf.optim.optimizer import Group, Optimizer, Params, buckets, check_fused, check_options, rate
from dlf.tensor import Tensor

__all__ = ["Adam"]


class Adam(Optimizer):
    """Adam (Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015).

    ``m`` and ``v`` are running means of the gradient and of its square; with both divided by one
    minus beta to the number of steps, ``p -= lr * m / (sqrt(v) + eps)``.

    Args:
        params: tensors or groups, see `Optimizer`.
        lr: learning rate, a number or a tensor of one element. Default: 1e-3.
        betas: decay of the two running means. Default: (0.9, 0.999).
        eps: added to the denominator. Default: 1e-8.
        weight_decay: L2 penalty, added to the gradient. Default: 0.
        amsgrad: divide by the largest second moment so far (Reddi et al., "On the Convergence of
            Adam and Beyond", 2018). Default: False.
        maximize: ascend in place of descending. Default: False.
        decoupled_weight_decay: shrink the parameters in place of adding to the gradient, as
            `AdamW`.
        foreach, fused, capturable: accepted for PyTorch's sake; the update is one op for all
            tensors.
        differentiable: must be False.

    A parameter's state is ``step`` (an int), ``exp_avg``, ``exp_avg_sq`` and, with `amsgrad`,
    ``max_exp_avg_sq``.

    Raises:
        ValueError: a negative option, or a beta outside [0, 1).
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_options(("learning rate", lr), ("epsilon value", eps))
        for i, beta in enumerate(betas):
            if isinstance(beta, Tensor) and beta.numel() != 1:
                raise ValueError(f"Tensor betas[{i}] must be 1-element")
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        check_options(("weight_decay value", weight_decay))
        check_fused(fused, foreach, differentiable)
        defaults = {
            "lr": lr,
            "betas": tuple(rate(beta) for beta in betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _update(self, group: Group) -> None:
        amsgrad = group["amsgrad"]
        beta1, beta2 = group["betas"]
        options = (
            rate(group["lr"]),
            rate(beta1),
            rate(beta2),
            group["eps"],
            group["weight_decay"],
            group["decoupled_weight_decay"],
            group["maximize"],
        )

        def init(p: Tensor) -> dict[str, Any]:
            state: dict[str, Any] = {
                "step": 0,
                "exp_avg": dlf.zeros_like(p),
                "exp_avg_sq": dlf.zeros_like(p),
            }
            if amsgrad:
                state["max_exp_avg_sq"] = dlf.zeros_like(p)
            return state

        for bucket in buckets(self, group, init):
            adam_step(
                [r[0] for r in bucket],
                [r[1] for r in bucket],
                [r[2]["exp_avg"] for r in bucket],
                [r[2]["exp_avg_sq"] for r in bucket],
                [r[2]["max_exp_avg_sq"] for r in bucket] if amsgrad else None,
                bucket[0][2]["step"],
                *options,
            )
