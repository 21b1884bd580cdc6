"""`LambdaLR` and `MultiplicativeLR`: the rate by a function of the caller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from dlf.optim.lr_scheduler.scheduler import LRScheduler
from dlf.optim.optimizer import Optimizer

__all__ = ["LambdaLR", "MultiplicativeLR"]

Factor = Callable[[int], float]


class _ByFunction(LRScheduler):
    lr_lambdas: list[Factor]

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1
    ) -> None:
        groups = len(optimizer.param_groups)
        if isinstance(lr_lambda, (list, tuple)):
            if len(lr_lambda) != groups:
                raise ValueError(f"Expected {groups} lr_lambdas, but got {len(lr_lambda)}")
            self.lr_lambdas = list(lr_lambda)
        else:
            self.lr_lambdas = [lr_lambda] * groups  # type: ignore[list-item]  # not a sequence, so a function
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(
                    f"lr_lambda should be a function, but got {type(function).__name__}"
                )
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """All of the schedule but the optimizer; of the functions, the attributes of callable
        objects only."""
        state = super().state_dict()
        state["lr_lambdas"] = [
            None if isinstance(f, FunctionType) else f.__dict__.copy() for f in self.lr_lambdas
        ]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave; functions stay those of the constructor."""
        rest = {k: v for k, v in state_dict.items() if k != "lr_lambdas"}
        super().load_state_dict(rest)
        for function, attributes in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if attributes is not None:
                function.__dict__.update(attributes)


class LambdaLR(_ByFunction):
    """The first rate times ``lr_lambda(step)``.

    Args:
        optimizer: whose groups are scheduled.
        lr_lambda: a function of the step number, or a list with one a group.
        last_epoch: the last step taken, -1 to start.
    """

    def get_lr(self) -> list[float]:
        self._warn_outside_step()
        return [
            base * f(self.last_epoch)
            for f, base in zip(self.lr_lambdas, self.base_lrs, strict=True)
        ]


class MultiplicativeLR(_ByFunction):
    """The rate times ``lr_lambda(step)``, again at each step.

    Args:
        optimizer: whose groups are scheduled.
        lr_lambda: a function of the step number, or a list with one a group.
        last_epoch: the last step taken, -1 to start.
    """

    def get_lr(self) -> list[float]:
        self._warn_outside_step()
        rates = self._rates()
        if self._is_initial:
            return rates
        return [rate * f(self.last_epoch) for f, rate in zip(self.lr_lambdas, rates, strict=True)]
