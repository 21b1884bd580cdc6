"""Arrays between devices: over the host, from pinned memory, and between indices of one type."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..devices import device as Device
from ..inplace import bump
from ..tensor import Tensor

__all__ = ["carried", "pinned_service", "write_late"]


def pinned_service(device: Device, *methods: str) -> Any:
    """The service ``"pinned"`` of a ready device; None where it lacks one of `methods`."""
    service = device.backend.services.get("pinned")
    return service if all(hasattr(service, name) for name in methods) else None


def carried(
    data: Any, dtype: dtypes.dtype, source: Device, target: Device, non_blocking: bool
) -> Any:
    """A copy on `target` of the array `data` of another device, `source`; both are ready.

    With `non_blocking` the host does not wait where the service ``"pinned"`` allows it. Without it,
    what becomes of `data` later is not seen by the copy.
    """
    if source.type == target.type:
        return source.backend.to_index(data, target.index or 0)
    if non_blocking:
        if target.type == "cpu":
            service = pinned_service(source, "copy_to_host")
            if service is not None:
                return service.copy_to_host(data)[0]
        elif source.type == "cpu" and dtype.name in target.backend.caps.dtypes:
            service = pinned_service(target, "copy_to_device", "is_pinned")
            host = source.backend.to_host(data)
            if service is not None and service.is_pinned(host):
                return service.copy_to_device(host, dtype, target.index or 0)
    host = source.backend.to_host(data)
    if source.type == "cpu":
        host = host.copy()  # the target may keep the host array it is given
    return target.put(host, dtype)


def write_late(tensor: Tensor, source: Tensor) -> bool:
    """Queue the copy of `source`, a tensor of a device, into `tensor`, which is in pinned memory.

    False, and nothing is done, where the host has to wait: `tensor` is not pinned, or not in
    row-major order without gaps, or one of the two takes part in a gradient.
    """
    device = source.device
    if tensor.device.type != "cpu" or device.type == "cpu":
        return False
    base = tensor._view[0] if isinstance(tensor._view, tuple) else tensor
    if any(one._node is not None for one in (tensor, base, source)):
        return False
    service = pinned_service(device, "copy_to_host", "is_pinned")
    host = tensor.device.backend.to_host(tensor._data)
    if service is None or not host.flags.c_contiguous or not service.is_pinned(host):
        return False
    if tensor.dtype is not source.dtype:
        if tensor.dtype.name not in device.backend.caps.dtypes:
            return False
        source = source.to(tensor.dtype)
    if source._data.shape != host.shape:
        source = source.expand(host.shape)
    service.copy_to_host(source._data, host)
    bump(tensor, "copy_")
    return True
