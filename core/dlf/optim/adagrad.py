"""`Adagrad`: steps divided by the root of the sum of squared gradients."""

from __future__ import annotations

from typing import Any

import dlf
from dlf.ops.step import adagrad_step
from dlf.optim.optimizer import Group, Optimizer, Params, buckets, check_fused, check_options, rate
from dlf.tensor import Tensor

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization", 2011).

    ``s += g**2; p -= lr / (1 + (step - 1) * lr_decay) * g / (sqrt(s) + eps)``.

    Args:
        params: tensors or groups, see `Optimizer`.
        lr: learning rate, a number or a tensor of one element. Default: 1e-2.
        lr_decay: decay of the learning rate by steps. Default: 0.
        weight_decay: L2 penalty. Default: 0.
        initial_accumulator_value: what ``s`` starts from. Default: 0.
        eps: added to the denominator. Default: 1e-10.
        maximize: ascend in place of descending. Default: False.
        foreach, fused: accepted for PyTorch's sake; the update is one op for all tensors.
        differentiable: must be False.

    Raises:
        ValueError: a negative option.
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_options(
            ("learning rate", lr),
            ("lr_decay value", lr_decay),
            ("weight_decay value", weight_decay),
            ("initial_accumulator_value value", initial_accumulator_value),
            ("epsilon value", eps),
        )
        check_fused(fused, foreach, differentiable)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p].update(self._init_state(p))

    def _init_state(self, p: Tensor) -> dict[str, Any]:
        value = self.defaults["initial_accumulator_value"]
        return {
            "step": 0,
            "sum": dlf.full_like(p, complex(value, value) if p.dtype.is_complex else value),
        }

    def _update(self, group: Group) -> None:
        for bucket in buckets(self, group, self._init_state):
            step = bucket[0][2]["step"]
            adagrad_step(
                [r[0] for r in bucket],
                [r[1] for r in bucket],
                [r[2]["sum"] for r in bucket],
                rate(group["lr"]) / (1 + (step - 1) * group["lr_decay"]),
                group["weight_decay"],
                group["eps"],
                group["maximize"],
            )
