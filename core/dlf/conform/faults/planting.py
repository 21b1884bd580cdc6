"""A fault in place for the length of a block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

from ...devices import device as Device
from ...dispatch import KernelSource
from ...generator import draws_itself
from ...registry import registry
from .fault import Fault, Hands

__all__ = ["NEEDS", "applies", "composed", "planting"]

NEEDS: dict[str, Callable[[Device], bool]] = {
    "": lambda device: True,
    "views": lambda device: device.views,
    "no views": lambda device: not device.views,
    "devices": lambda device: device.type != "cpu" and device.backend.device_count() > 1,
    "memory of its own": lambda device: device.type != "cpu",
    "streams": lambda device: "streams" in device.backend.services,
    "memory counts": lambda device: "memory" in device.backend.services,
    "random numbers": draws_itself,
}
"""What a device may have, so that a fault can be in it."""

_METHODS = ("from_host", "to_host", "assign", "dtype_of")
_HAVING = ("native", "overlay", "decomposed")


def applies(fault: Fault, device: Device) -> bool:
    """Whether `device` can have `fault`."""
    if not (fnmatchcase(device.type, fault.device) and NEEDS[fault.needs](device)):
        return False
    service, dot, name = fault.op.partition(".")
    if dot:
        return hasattr(device.backend.services.get(service), name)
    if fault.op in _METHODS:
        return True
    return fault.op in registry and device.origins[registry[fault.op].slot].source in _HAVING


def composed(fault: Fault, device: Device) -> bool:
    """Whether the op has no kernel on `device`, so that its decomposition stands for one."""
    return fault.op in registry and device.table[registry[fault.op].slot] is None


@contextmanager
def planting(fault: Fault, device: Device, *, right: bool = False) -> Iterator[None]:
    """`fault` is in `device`'s kernel within the block, and gone after it.

    With `right` the block sees the right kernel where the fault's would be: for an op without a
    kernel that is its decomposition as one, so that the cases of kernels run.
    """
    hands = Hands(device)
    service, dot, name = fault.op.partition(".")
    if dot or fault.op in _METHODS:
        owner = device.backend.services[service] if dot else device.backend
        with _attribute(owner, name or service, fault, hands, right):
            yield
        return
    slot = registry[fault.op].slot
    before, origin = device.table[slot], device.origins[slot]
    kernel = hands.composed(fault.op) if before is None else before
    device.table[slot] = kernel if right else fault.plant(kernel, hands)
    if before is None:
        device.origins[slot] = KernelSource(fault.op, "native", "conform")
    try:
        yield
    finally:
        device.table[slot], device.origins[slot] = before, origin


@contextmanager
def _attribute(owner: Any, name: str, fault: Fault, hands: Hands, right: bool) -> Iterator[None]:
    before = dict(vars(owner))
    if not right:
        setattr(owner, name, fault.plant(getattr(owner, name), hands))
    try:
        yield
    finally:
        # A fault may have replaced more than the one method; the class's own show again.
        vars(owner).clear()
        vars(owner).update(before)
