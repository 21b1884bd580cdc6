"""`SGD`: stochastic gradient descent, with momentum if wanted."""

from __future__ import annotations

from typing import Any

import dlf
from dlf.ops.step import sgd_step
from dlf.optim.optimizer import Group, Optimizer, Params, buckets, check_fused, check_options, rate
from dlf.tensor import Tensor

__all__ = ["SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent: ``p -= lr * g``, with momentum ``b = momentum * b + (1 -
    dampening) * g; p -= lr * b``.

    The first momentum is the gradient itself (Sutskever et al., "On the importance of
    initialization and momentum in deep learning", 2013, in PyTorch's form).

    Args:
        params: tensors or groups, see `Optimizer`.
        lr: learning rate, a number or a tensor of one element. Default: 1e-3.
        momentum: momentum factor. Default: 0.
        dampening: dampening of the momentum. Default: 0.
        weight_decay: L2 penalty. Default: 0.
        nesterov: use Nesterov's momentum; needs momentum and no dampening. Default: False.
        maximize: ascend in place of descending. Default: False.
        foreach, fused: accepted for PyTorch's sake; the update is one op for all tensors in any
            case.
        differentiable: must be False.

    Raises:
        ValueError: a negative option, or `nesterov` without momentum or with dampening.
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_options(
            ("learning rate", lr),
            ("momentum value", momentum),
            ("weight_decay value", weight_decay),
        )
        check_fused(fused, foreach, differentiable)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _update(self, group: Group) -> None:
        momentum = group["momentum"]
        options = (
            rate(group["lr"]),
            momentum,
            group["dampening"],
            group["weight_decay"],
            group["nesterov"],
            group["maximize"],
        )
        for bucket in buckets(self, group, _no_state if momentum else None):
            if not momentum:
                sgd_step([r[0] for r in bucket], [r[1] for r in bucket], None, False, *options)
                continue
            fresh, old = [], []
            for row in bucket:
                if row[2].get("momentum_buffer") is None:
                    row[2]["momentum_buffer"] = dlf.empty_like(row[0])
                    fresh.append(row)
                else:
                    old.append(row)
            for rows, first in ((fresh, True), (old, False)):
                if rows:
                    bufs = [r[2]["momentum_buffer"] for r in rows]
                    sgd_step([r[0] for r in rows], [r[1] for r in rows], bufs, first, *options)


def _no_state(p: Tensor) -> dict[str, Any]:
    # The first momentum is the gradient: nothing to start from.
    return {}
