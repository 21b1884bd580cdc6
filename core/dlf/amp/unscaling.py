"""Gradients divided by the scale, and whether one of them overflowed."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

import dlf

from ..devices import device as Device
from ..tensor import Tensor

if TYPE_CHECKING:
    from ..optim import Optimizer

__all__ = ["Stage", "State", "as_float32", "unscale"]


class Stage(Enum):
    """How far an optimizer has come since the last `update`."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


class State:
    """What happened to an optimizer since the last `update`; `found` tells for each device whether
    a gradient there is inf or NaN: 1, else 0."""

    def __init__(self) -> None:
        self.stage = Stage.READY
        self.found: dict[Device, Tensor] = {}

    def overflowed(self) -> bool:
        """Whether a gradient is inf or NaN; waits for the devices."""
        return any(found.item() for found in self.found.values())


def as_float32(value: float) -> float:
    """`value` as float32 holds it; inf beyond its range."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def unscale(optimizer: Optimizer, inverse: float) -> dict[Device, Tensor]:
    """Multiply all gradients with `inverse`, and tell for each device if one was inf or NaN."""
    zeros: dict[Device, list[Tensor]] = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            grad = parameter.grad
            if grad is None:
                continue
            if grad.dtype is dlf.float16:
                raise ValueError("Attempting to unscale FP16 gradients.")
            # 0 times inf or NaN is NaN, so one sum tells without waiting for the device.
            zeros.setdefault(grad.device, []).append((grad * 0.0).sum().to(dlf.float32))
            if grad.dtype is dlf.bfloat16:
                grad.copy_(grad.to(dlf.float32) * inverse)
            else:
                grad.mul_(inverse)
    return {device: dlf.stack(sums).sum().isnan().to(dlf.float32) for device, sums in zeros.items()}
