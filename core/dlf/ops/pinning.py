"""Pinned memory: CPU tensors that a device reads and writes by itself, while the host goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..devices import device as Device
from ..devices import get_default_device, resolve
from ..errors import DeviceUnavailableError, PluginError
from ..tensor import Tensor
from .copying import rehoused
from .transfer import pinned_service

__all__ = ["METHODS", "pinning_device"]

_NEEDED = "pin", "is_pinned"
_last: Device | None = None


def pinning_device(device: Any = None) -> Device | None:
    """The device for which memory is pinned, ready; None if there is none.

    It is the one asked for; else the default device, else the first device type that can be used on
    this machine and pins memory unasked (`plugin.services.Pinned.unasked`). Raises as `resolve` for
    a device that is asked for.
    """
    global _last
    if device is not None:
        chosen = resolve(device)
        return chosen if pinned_service(chosen, *_NEEDED) is not None else None
    default = get_default_device()
    if default.type != "cpu" and pinned_service(resolve(default), *_NEEDED) is not None:
        return resolve(default)
    if _last is None:
        _last = next(_unasked(), None)
    return None if _last is None else resolve(_last.type)


def _unasked() -> Iterator[Device]:
    from ..plugin.host import get_host

    for spec, _ in get_host().backend_specs():
        if spec.device_type == "cpu":
            continue
        try:
            device = resolve(spec.device_type)
        except (DeviceUnavailableError, PluginError):
            continue
        service = pinned_service(device, *_NEEDED)
        if service is not None and getattr(service, "unasked", True):
            yield device


def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """This CPU tensor in pinned memory; itself if it is there.

    A copy of it to a device with ``non_blocking=True`` does not make the host wait. In all else the
    result is an ordinary CPU tensor. Pinned memory cannot be swapped out: too much of it slows the
    machine down.

    Args:
        device: whose pinned memory. Default: that of the default device, or else of the first
            device type that can be used on this machine and has pinned memory.

    Raises:
        RuntimeError: the tensor is not on the CPU, or no device has pinned memory.
    """
    if self.device.type != "cpu":
        raise RuntimeError(
            f"cannot pin a tensor of {self.dtype} on {self.device}: only dense CPU tensors can be "
            "pinned"
        )
    chosen = pinning_device(device)
    if chosen is None:
        raise RuntimeError(
            "Cannot access accelerator device when none is available: no device on this machine "
            "has pinned memory; `dlf backends list` shows why which one cannot be used"
            if device is None
            else f"pin_memory: {resolve(device)} has no pinned memory; its backend has no service "
            "'pinned'"
        )
    service = pinned_service(chosen)
    host = self.device.backend.to_host(self._data)
    return self if service.is_pinned(host) else rehoused(self, service.pin(host))


def is_pinned(self: Tensor, device: Any = None) -> bool:
    """Whether this is a CPU tensor in pinned memory.

    Args:
        device: whose pinned memory; False for a device that has none, or cannot be used here.
            Default: that of any device.
    """
    if self.device.type != "cpu":
        return False
    host = self.device.backend.to_host(self._data)
    if device is None:
        # Memory that is pinned comes from a device that is in use.
        ready = [one for one in list(Device._known.values()) if one.backend is not None]
    else:
        try:
            ready = [resolve(device)]
        except (DeviceUnavailableError, PluginError):
            return False
    services = {id(one.backend): pinned_service(one, "is_pinned") for one in ready}
    return any(one.is_pinned(host) for one in services.values() if one is not None)


METHODS: dict[str, Any] = {"pin_memory": pin_memory, "is_pinned": is_pinned}
