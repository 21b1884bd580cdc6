"""Gradients divided by the scale, and whether one of them overflowed."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import dlf

from ..devices import device as Device
from ..tensor import Tensor

if TYPE_CHECKING:
    from ..optim import Optimizer
    from .scale import Scale

__all__ = ["Stage", "State", "overflows", "unscale"]


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
        """Whether a gradient is inf or NaN; waits for each device once."""
        return any(found.item() for found in self.found.values())


def overflows(optimizer: Optimizer) -> dict[Device, Tensor]:
    """Tell for each device if a gradient there is inf or NaN: a 0-d float32 tensor, 1 or 0."""
    return _checked(_gradients(optimizer))


def unscale(optimizer: Optimizer, scale: Scale) -> dict[Device, Tensor]:
    """Divide all gradients by `scale`, and tell for each device if one was inf or NaN.

    ValueError, before any is changed, if one is in float16.
    """
    grads = _gradients(optimizer)
    if any(grad.dtype is dlf.float16 for grad in grads):
        raise ValueError("Attempting to unscale FP16 gradients.")
    found = _checked(grads)
    inverses = {device: scale.on(device).reciprocal() for device in found}
    for grad in grads:
        inverse = inverses[grad.device]
        if grad.dtype is dlf.bfloat16:
            grad.copy_(grad.to(dlf.float32) * inverse)
        else:
            grad.mul_(inverse)
    return found


def _gradients(optimizer: Optimizer) -> list[Tensor]:
    parameters = (p for group in optimizer.param_groups for p in group["params"])
    return [p.grad for p in parameters if p.grad is not None]


def _checked(grads: list[Tensor]) -> dict[Device, Tensor]:
    zeros: dict[Device, list[Tensor]] = {}
    for grad in grads:
        # 0 times inf or NaN is NaN, so one sum tells without waiting for the device.
        zeros.setdefault(grad.device, []).append((grad * 0.0).sum().to(dlf.float32))
    return {device: dlf.stack(sums).sum().isnan().to(dlf.float32) for device, sums in zeros.items()}
