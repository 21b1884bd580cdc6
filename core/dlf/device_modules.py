"""``dlf.NAME`` for a registered device type NAME: what PyTorch users know as a device's module.

It is found by attribute look-up at run time, so that core names no device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

from . import devices
from .errors import DeviceUnavailableError, PluginError, UnknownNameError
from .tensor import Tensor

__all__ = ["DeviceModule", "bind", "find"]


class DeviceModule:
    """Availability, synchronisation, memory statistics and random numbers of one device type.

    What the backend's services have is theirs; seeds and states of generators are core's where none
    of them has these.
    """

    def __init__(self, device_type: str) -> None:
        self._type = device_type

    def _backend(self) -> Any:
        from .plugin.host import get_host

        return get_host().load_backend(self._type).backend

    def is_available(self) -> bool:
        """Whether the device can be used on this machine."""
        try:
            self._backend()
        except (DeviceUnavailableError, PluginError):
            return False
        return True

    def device_count(self) -> int:
        """How many devices there are, 0 if the type is unavailable."""
        return int(self._backend().device_count()) if self.is_available() else 0

    def current_device(self) -> int:
        """The index that the type's name stands for without one."""
        return devices._current_index.get(self._type, 0)

    def set_device(self, device: Any) -> None:
        """Make another index the one that the type's name stands for."""
        index = device if isinstance(device, int) else devices.device(device).index or 0
        if not 0 <= index < self.device_count():
            raise RuntimeError(
                f"invalid device ordinal {index}: {self._type} has {self.device_count()} device(s)"
            )
        devices._current_index[self._type] = index

    @contextmanager
    def device(self, device: Any) -> Iterator[None]:
        """Inside the block `device`, an index, a device or its name, is the current one; None
        changes nothing."""
        before = self.current_device()
        if device is not None:
            self.set_device(device)
        try:
            yield
        finally:
            devices._current_index[self._type] = before

    def init(self) -> None:
        """Ready the device now rather than when it is first used."""
        devices.resolve(self._type)

    def is_initialized(self) -> bool:
        """Whether the device was used, or readied by `init`."""
        return any(d.type == self._type and d.table for d in list(devices.device._known.values()))

    @property
    def amp(self) -> SimpleNamespace:
        """`autocast` and `GradScaler` for this device type, where older programs look for them."""
        from .amp import GradScaler, autocast

        return SimpleNamespace(
            autocast=partial(autocast, self._type), GradScaler=partial(GradScaler, self._type)
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        from .device_random import NAMES, DeviceRandom

        try:
            services = self._backend().services
        except DeviceUnavailableError:
            if name in NAMES:
                return getattr(DeviceRandom(self._type), name)
            raise
        for kind, service in services.items():
            if kind != "amp" and hasattr(service, name):
                return getattr(service, name)
        if name in NAMES:
            return getattr(DeviceRandom(self._type), name)
        if name == "synchronize":
            return lambda device=None: None  # a backend without streams is done when an op returns
        raise AttributeError(
            f"device type '{self._type}' has no '{name}'; its backend's services: "
            f"{', '.join(services) or 'none'}"
        )

    def __repr__(self) -> str:
        return f"<device module dlf.{self._type}>"


_modules: dict[str, DeviceModule] = {}
bound: set[str] = set()
"""The names that `bind` gave Tensor."""


def bind(device_types: Iterable[str]) -> None:
    """Give Tensor a method `NAME` and a property `is_NAME` for each device type NAME.

    Tensor has no ``__getattr__`` that could find them: it would slow every attribute down.
    """
    for device_type in device_types:
        methods = {device_type: _mover(device_type), f"is_{device_type}": _asker(device_type)}
        for name, method in methods.items():
            if not hasattr(Tensor, name):
                setattr(Tensor, name, method)
                bound.add(name)


def _mover(device_type: str) -> Callable[..., Tensor]:
    def move(self: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
        target = devices.device(device_type, device) if isinstance(device, int) else device
        return self.to(device_type if target is None else target, non_blocking=non_blocking)

    move.__name__ = device_type
    move.__doc__ = f"This tensor on the device {device_type}, or on its index `device`."
    return move


def _asker(device_type: str) -> property:
    return property(lambda self: self.device.type == device_type)


def find(name: str) -> DeviceModule | None:
    """The module of device type `name`, None if nobody registered one."""
    if name not in _modules:
        from .plugin.host import get_host

        try:
            known = {spec.device_type for spec, _ in get_host().backend_specs()}
        except UnknownNameError:
            return None
        if name not in known:
            return None
        _modules[name] = DeviceModule(name)
    return _modules[name]
