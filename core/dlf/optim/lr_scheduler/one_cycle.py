"""`OneCycleLR` (Smith and Topin, "Super-Convergence", 2018)."""

from __future__ import annotations

import math
from typing import Literal

from dlf.optim.lr_scheduler.scheduler import (
    LRScheduler,
    check_optimizer,
    each_group,
    set_momentum,
    start_momentum,
)
from dlf.optim.optimizer import Optimizer

__all__ = ["OneCycleLR"]

# A phase: the step it ends with, and between which of a group's values rate and momentum go.
Phase = tuple[float, str, str, str, str]


class OneCycleLR(LRScheduler):
    """Up from ``max_lr / div_factor`` to `max_lr`, then down to ``max_lr / div_factor /
    final_div_factor``.

    Args:
        optimizer: whose groups are scheduled.
        max_lr: upper rate, or a list with one a group.
        total_steps: steps of the cycle; or give `epochs` and `steps_per_epoch`.
        pct_start: share of the way up. Default: 0.3.
        anneal_strategy: ``cos`` or ``linear``.
        cycle_momentum: move momentum (or beta1) against the rate. Default: True.
        base_momentum, max_momentum: its bounds. Default: 0.85 and 0.95.
        div_factor, final_div_factor: see above. Default: 25 and 1e4.
        three_phase: go down as steeply as up, then to the last rate. Default: False.
        last_epoch: the last step taken, -1 to start.

    Raises:
        ValueError: no count of steps, a bad `pct_start` or `anneal_strategy`, an optimizer without
            momentum and `cycle_momentum`; at `step`, more steps than the cycle has.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.total_steps = _total(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._anneal_func_type = anneal_strategy
        top = pct_start * self.total_steps
        last = self.total_steps - 1
        up = (float(top) - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum")
        down = (float(2 * top) - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum")
        self._schedule_phases: list[Phase] = (
            [up, down, (last, "initial_lr", "min_lr", "max_momentum", "max_momentum")]
            if three_phase
            else [up, (last, "max_lr", "min_lr", "base_momentum", "max_momentum")]
        )
        max_lrs = each_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, max_lrs, strict=True):
                group["initial_lr"] = rate / div_factor
                group["max_lr"] = rate
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1, _, _ = start_momentum(
                optimizer, base_momentum, max_momentum, last_epoch == -1
            )
        super().__init__(optimizer, last_epoch)

    def _between(self, start: float, end: float, share: float) -> float:
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)

    def get_lr(self) -> list[float]:
        self._warn_outside_step()
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(
                f"Tried to step {step} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
        begin = 0.0
        for phase in self._schedule_phases:
            end = phase[0]
            if step <= end:
                break
            if phase is not self._schedule_phases[-1]:
                begin = end
        share = (step - begin) / (end - begin)
        _, start_lr, end_lr, start_momentum, end_momentum = phase
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[start_lr], group[end_lr], share))
            if self.cycle_momentum:
                value = self._between(group[start_momentum], group[end_momentum], share)
                set_momentum(group, value, self.use_beta1)
        return rates


def _total(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is not None:
        return _positive("total_steps", total_steps)
    if epochs is None or steps_per_epoch is None:
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    return _positive("epochs", epochs) * _positive("steps_per_epoch", steps_per_epoch)


def _positive(name: str, value: int) -> int:
    if not isinstance(value, int) or value <= 0:
        raise ValueError(f"Expected positive integer {name}, but got {value}")
    return value
