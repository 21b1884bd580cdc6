"""One recording of a step: its inputs, its results, and what plays it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tensor import Tensor
from .recorder import Recorder
from .structure import mapped, tensors

__all__ = ["Captured"]


class Captured:
    """A recording of ``step(*args, **kwargs)``, where `given` is the pair of both."""

    def __init__(self, step: Callable[..., Any], given: Any, recorder: Recorder) -> None:
        device = f"{recorder.device_type}:{recorder.index}"
        self.inputs = mapped(lambda tensor: _placed(tensor, device), given)
        self.recorder = recorder
        with recorder.recording():
            positional, named = self.inputs
            self.output = step(*positional, **named)

    def __call__(self, given: Any) -> Any:
        """One step with the values of `given`."""
        for mine, theirs in zip(tensors(self.inputs), tensors(given), strict=True):
            _write(mine, theirs)
        self.recorder.play()
        return self.output


def _placed(given: Tensor, device: str) -> Tensor:
    """A tensor of our own on `device` with the values of `given`."""
    made: Tensor = given.detach().to(device).clone()
    return made.requires_grad_() if given.requires_grad else made


def _write(mine: Tensor, given: Tensor) -> None:
    mine.device.backend.assign(mine._data, given.detach().to(mine.device)._data)
