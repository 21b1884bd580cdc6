"""`Scale`: the number that losses are multiplied with, kept on a device and changed there."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

import dlf

from ..autograd.mode import no_grad
from ..devices import device as Device
from ..tensor import Tensor

__all__ = ["Scale", "total"]


def _as_float32(value: float) -> float:
    """`value` as float32 holds it; inf beyond its range."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


class Scale:
    """The scale and the number of steps in a row without inf or NaN, as tensors on `device`.

    Both are 0-d, float32 and int32, and written in place, so that a captured step reads what the
    one before it wrote. Nothing but `read` waits for the device.
    """

    def __init__(self, device: Device, value: float, steps: int) -> None:
        self.value: Tensor = dlf.full((), _as_float32(value), dtype=dlf.float32, device=device)
        self.steps: Tensor = dlf.full((), steps, dtype=dlf.int32, device=device)

    def on(self, device: Device) -> Tensor:
        """The scale as a tensor on `device`."""
        return self.value if device is self.value.device else self.value.to(device)

    def read(self) -> tuple[float, int]:
        """The scale and the number of steps; waits for the device."""
        return self.value.item(), self.steps.item()

    def set(self, value: float | Tensor) -> None:
        """Make `value`, a number or a tensor of one element, the scale."""
        if isinstance(value, Tensor):
            self.value.copy_(value.reshape(()))
        else:
            self.value.fill_(_as_float32(value))

    def set_steps(self, steps: int) -> None:
        """Set the number of steps in a row."""
        self.steps.fill_(steps)

    def update(self, found: Iterable[Tensor], growth: float, backoff: float, interval: int) -> None:
        """Multiply with `backoff` if one of `found` is not 0, with `growth` after `interval` steps
        in a row without; not if that would be infinite.
        """
        with no_grad():
            value = self.value
            # PyTorch multiplies in float64; a device may not have that.
            float64 = "float64" in value.device.backend.caps.dtypes
            wide = value.to(dlf.float64) if float64 else value
            grown, shrunk = (wide * growth).to(dlf.float32), (wide * backoff).to(dlf.float32)
            overflowed = total(found, value.device) != 0
            steps = self.steps + 1
            due = steps == interval
            kept = dlf.where(due & (grown < math.inf), grown, value)
            value.copy_(dlf.where(overflowed, shrunk, kept))
            self.steps.copy_(dlf.where(overflowed | due, 0, steps))


def total(found: Iterable[Tensor], device: Device) -> Tensor:
    """The sum of 0-d float32 tensors of several devices, on `device`; 0 of none."""
    moved = [one if one.device is device else one.to(device) for one in found]
    if not moved:
        return dlf.zeros((), dtype=dlf.float32, device=device)
    return moved[0] if len(moved) == 1 else dlf.stack(moved).sum()
