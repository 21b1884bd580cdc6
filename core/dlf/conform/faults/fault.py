"""`Fault`: an error planted in a kernel, and `Hands`: the device as that error sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...devices import device as Device
from ...dispatch import composed
from ...dtypes import from_numpy
from ...registry import registry

__all__ = ["Array", "Fault", "Hands", "Kernel", "Plant", "Verdict"]

Array = npt.NDArray[Any]
Kernel = Callable[..., Any]
Plant = Callable[[Kernel, "Hands"], Kernel]


@dataclass(frozen=True, slots=True)
class Fault:
    """An error that a kernel could have, and that the kit must find.

    Args:
        name: unique, such as ``"maximum/nan-lost"``.
        op: the op whose kernel is replaced; or a method of the backend such as ``from_host``; or
            ``SERVICE.NAME`` for a function or class of a backend's service.
        plant: ``plant(kernel, hands) -> kernel``: the right kernel as a wrong one. An op that the
            device has no kernel for is first given its decomposition as a kernel.
        why: what the error is, and where it comes from.
        device: the type of device that can have it; ``"*"`` for any.
        groups: groups of cases that are to find it, after the cases of the op itself.
        needs: what the device must have, one of `planting.NEEDS`; empty for nothing.
    """

    name: str
    op: str
    plant: Plant
    why: str
    device: str = "*"
    groups: tuple[str, ...] = ()
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a fault was found: `by` names the case that failed, and is empty where none did."""

    fault: Fault
    caught: bool
    by: str
    seconds: float


class Hands:
    """A device as a fault sees it: its arrays are opaque, so values are changed on the host."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.index = device.index or 0
        self._to_host = device.backend.to_host
        self._from_host = device.backend.from_host

    def down(self, x: Any) -> Any:
        """`x` with every array in it, in tuples and lists too, replaced by its host array."""
        if isinstance(x, (tuple, list)):
            return type(x)(self.down(one) for one in x)
        return self._to_host(x) if hasattr(x, "shape") else x

    def up(self, host: Any) -> Any:
        """`host`, an array or a tuple of them, as arrays of the device in memory of their own."""
        if isinstance(host, tuple):
            return tuple(self.up(one) for one in host)
        own = np.array(host)
        return self._from_host(own, from_numpy(own.dtype), self.index)

    def kernel(self, op: str) -> Kernel:
        """The device's kernel for `op`, or its decomposition as one."""
        found: Kernel | None = self.device.table[registry[op].slot]
        return self.composed(op) if found is None else found

    def composed(self, op: str) -> Kernel:
        """A kernel that runs the decomposition of `op` on the device."""
        return composed(registry[op], self.device)

    def service(self, name: str) -> Any:
        """A service of the backend, None where it has none of that name."""
        return self.device.backend.services.get(name)
