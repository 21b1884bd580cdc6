"""`LRScheduler`: what all schedules share."""

from __future__ import annotations

import warnings
from typing import Any

from dlf.optim.optimizer import Optimizer
from dlf.tensor import Tensor

__all__ = ["LRScheduler"]

_DEPRECATED_EPOCH = "scheduler.step(epoch) is deprecated: call scheduler.step() once an epoch"


class LRScheduler:
    """Base of the schedules: sets each group's ``lr`` when made and at each `step`.

    Args:
        optimizer: whose groups are scheduled; ``initial_lr`` is noted in each of them.
        last_epoch: the last step taken, -1 to start; to resume, groups must have ``initial_lr``.

    A new schedule is a subclass with `get_lr`, and `_closed_form` where the rate at any step is
    known directly.

    Raises:
        TypeError: `optimizer` is none.
        KeyError: `last_epoch` is not -1 and a group has no ``initial_lr``.
    """

    base_lrs: list[float]
    last_epoch: int
    _last_lr: list[float]
    _step_count: int = 0
    # True while the constructor takes the first step, which most schedules leave the rate unchanged
    # by.
    _is_initial: bool = False
    _get_lr_called_within_step: bool = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", number(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming "
                    "scheduler with last_epoch >= 0; load the optimizer's state first"
                )
        self.base_lrs = [number(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """All of the schedule but the optimizer."""
        hidden = ("optimizer", "_is_initial", "_get_lr_called_within_step")
        return {k: v for k, v in self.__dict__.items() if k not in hidden}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[float]:
        """The rates now set, one a group."""
        return self._last_lr

    def get_lr(self) -> list[float]:
        """The rates of step ``last_epoch``, one a group, from those now set. Called by `step`."""
        raise NotImplementedError(f"{type(self).__name__} must define get_lr")

    def _closed_form(self) -> list[float] | None:
        """The rates of step ``last_epoch`` whatever is now set; None where there is no such
        form."""
        return None

    def step(self, epoch: int | None = None) -> None:
        """Go to the next step, or to step `epoch` (deprecated), and set the rates."""
        if self._step_count == 1 and not self.optimizer._opt_called:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`: call them in "
                "the opposite order, or the first value of the schedule is skipped",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is not None:
            warnings.warn(_DEPRECATED_EPOCH, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._get_lr_called_within_step = True
        try:
            values = None if epoch is None else self._closed_form()
            if values is None:
                values = self.get_lr()
        finally:
            self._get_lr_called_within_step = False
        self._set(values)

    def _set(self, values: list[float]) -> None:
        for group, value in zip(self.optimizer.param_groups, values, strict=True):
            set_rate(group, value)
        self._last_lr = self._rates()

    def _rates(self) -> list[float]:
        """The rates now set."""
        return [number(group["lr"]) for group in self.optimizer.param_groups]

    def _scaled(self, factor: float) -> list[float]:
        return [rate * factor for rate in self._rates()]

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use "
                "`get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )


def check_optimizer(optimizer: Any) -> None:
    """TypeError for what is no Optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def number(value: Any) -> Any:
    """A rate as a number, be it given as a tensor of one element."""
    return value.item() if isinstance(value, Tensor) else value


def set_rate(group: dict[str, Any], value: float) -> None:
    """Set a group's ``lr``; a tensor is filled, so that who holds it sees the new value."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(value)
    else:
        group["lr"] = value


def each_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """`value` as a list with one entry a group; ValueError for a list of another length."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [number(value)] * groups
    if len(value) != groups:
        raise ValueError(
            f"{name} has {len(value)} values and the optimizer {groups} param groups; give one "
            "value a group"
        )
    return [number(v) for v in value]


def start_momentum(
    optimizer: Optimizer, base: Any, largest: Any, fresh: bool
) -> tuple[bool, list[Any], list[Any]]:
    """For schedules that cycle momentum against the rate: (is it beta1, base values, largest
    values).

    With `fresh`, the largest is set in each group. ValueError for an optimizer without momentum.
    """
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError(
            "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
        )
    use_beta1 = "betas" in optimizer.defaults
    bases = each_group("base_momentum", optimizer, base)
    tops = each_group("max_momentum", optimizer, largest)
    if fresh:
        for group, low, high in zip(optimizer.param_groups, bases, tops, strict=True):
            set_momentum(group, high, use_beta1)
            group["max_momentum"], group["base_momentum"] = high, low
    return use_beta1, bases, tops


def set_momentum(group: dict[str, Any], value: float, use_beta1: bool) -> None:
    """Set a group's momentum, or the first of its betas."""
    if use_beta1:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value
