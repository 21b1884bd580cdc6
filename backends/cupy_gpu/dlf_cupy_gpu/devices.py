"""Cards by their indices, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

from dlf_cupy_gpu import lazy

__all__ = ["DevicesService", "index_of", "on", "placed"]

Kernel = Callable[..., Any]


def index_of(device: Any = None) -> int:
    """The index that `device` names: an index, a device, its name, or None for the current one."""
    if isinstance(device, int):
        return device
    from dlf.device_modules import DeviceModule
    from dlf.devices import device as Device

    found = Device("cuda" if device is None else device)
    if found.type != "cuda":
        raise ValueError(f"expected a cuda device, got {found}")
    return DeviceModule("cuda").current_device() if found.index is None else found.index


def on(index: int) -> Any:
    """A context in which card `index` is the current one."""
    return lazy.cupy().cuda.Device(index)


def placed(kernel: Kernel) -> Kernel:
    """`kernel`, on the card of its first array, or of its last argument where it has none.

    Only used where there are several cards.
    """
    cupy = lazy.cupy()
    current, kind = cupy.cuda.runtime.getDevice, cupy.ndarray

    def call(*args: Any) -> Any:
        first = _first(args, kind)
        index = int(args[-1] or 0) if first is None else first.device.id
        if index == current():
            return kernel(*args)
        with on(index):
            return kernel(*args)

    return call


def _first(args: Any, kind: type[Any]) -> Any:
    for one in args:
        if isinstance(one, kind):
            return one
        if isinstance(one, (tuple, list)) and (found := _first(one, kind)) is not None:
            return found
    return None


class _Properties(SimpleNamespace):
    """A card's properties, under PyTorch's names."""

    name: str
    major: int
    minor: int
    total_memory: int
    multi_processor_count: int


@cache
def _properties(index: int) -> _Properties:
    found = lazy.cupy().cuda.runtime.getDeviceProperties(index)
    name = found["name"]
    return _Properties(
        name=name.decode() if isinstance(name, bytes) else str(name),
        major=int(found["major"]),
        minor=int(found["minor"]),
        total_memory=int(found["totalGlobalMem"]),
        multi_processor_count=int(found["multiProcessorCount"]),
    )


class DevicesService:
    """What the cards are, under PyTorch's names."""

    def get_device_properties(self, device: Any = None) -> _Properties:
        """`name`, `major`, `minor`, `total_memory` in bytes and `multi_processor_count`."""
        return _properties(index_of(device))

    def get_device_name(self, device: Any = None) -> str:
        """The card's name."""
        return self.get_device_properties(device).name

    def get_device_capability(self, device: Any = None) -> tuple[int, int]:
        """The compute capability, major and minor."""
        found = self.get_device_properties(device)
        return found.major, found.minor

    def can_device_access_peer(self, device: Any, peer_device: Any) -> bool:
        """Whether card `device` reads and writes the memory of `peer_device` directly."""
        runtime = lazy.cupy().cuda.runtime
        return bool(runtime.deviceCanAccessPeer(index_of(device), index_of(peer_device)))

    def is_bf16_supported(self, including_emulation: bool = True) -> bool:
        """Whether bfloat16 can be computed with; without emulation, by the card itself."""
        from dlf.plugin import get_host

        stored = "bfloat16" in get_host().load_backend("cuda").backend.caps.dtypes
        return stored and (including_emulation or self.get_device_capability()[0] >= 8)
