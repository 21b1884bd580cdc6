"""`CapturedStep`: what ``dlf.NAME.graph(step)`` gives."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from ..device_modules import DeviceModule
from ..devices import device as Device
from .captured import Captured
from .recorder import Recorder
from .structure import mapped, signature

__all__ = ["CapturedStep"]


class CapturedStep:
    """A step that runs as it is for `warmup` calls, is recorded in the next, and replayed since.

    Each call is one step. The result is that of the recording: the same tensors each time, with the
    values of this step; copy what must outlast the next one. Calls with other shapes, dtypes or
    Python values are recorded on their own.

    Args:
        step: a function of tensors and plain values; what it must not do is said at
            `dlf.plugin.services.Graphs.graph`.
        device: an index, a device or its name. Default: the current one at each call.
        warmup: calls that run as they are; ValueError below 1.
        constants: whether data that the step takes from the host are kept as they are.
        recorder: the backend's class; called with the device's index and `constants`.

    Attributes:
        replays: how many calls were replayed.
    """

    def __init__(
        self,
        step: Callable[..., Any],
        device: Any,
        warmup: int,
        constants: bool,
        recorder: type[Recorder],
    ) -> None:
        if warmup < 1:
            raise ValueError(
                f"warmup={warmup}: at least 1 call must run uncaptured, since optimizers make "
                "their state and kernels are compiled in the first"
            )
        self.step, self.device, self.warmup, self.constants = step, device, warmup, constants
        self.replays = 0
        self._recorder = recorder
        self._calls: dict[Hashable, int] = {}
        self._captured: dict[Hashable, Captured] = {}
        self.__doc__ = getattr(step, "__doc__", None)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """One step. Tensors among the arguments may be on any device."""
        given = (args, kwargs)
        index = _index_of(self._recorder.device_type, self.device)
        key = index, signature(given)
        found = self._captured.get(key)
        if found is None:
            calls = self._calls[key] = self._calls.get(key, 0) + 1
            if calls <= self.warmup:
                return self._as_it_is(given, index)
            found = Captured(self.step, given, self._recorder(index, self.constants))
            self._captured[key] = found
        else:
            self.replays += 1
        return found(given)

    def _as_it_is(self, given: Any, index: int) -> Any:
        device = f"{self._recorder.device_type}:{index}"
        positional, named = mapped(lambda tensor: tensor.to(device), given)
        return self.step(*positional, **named)

    def reset(self) -> None:
        """Forget the recordings and their memory; the next calls warm up anew."""
        self._calls.clear()
        self._captured.clear()


def _index_of(device_type: str, device: Any) -> int:
    if isinstance(device, int):
        return device
    found = Device(device_type if device is None else device)
    if found.type != device_type:
        raise ValueError(f"expected a {device_type} device, got {found}")
    return DeviceModule(device_type).current_device() if found.index is None else found.index
