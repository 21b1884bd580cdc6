"""Holds listed ops' kernels back while autocast is on somewhere, so that their calls are noticed.

An op looks its kernel up in the device's table and takes the way through `registry.record` where
there is none. While some thread has autocast on, the tables of that device type have None for the
ops in its lists, and the kernels are kept here. So autocast costs nothing where it is off, and the
other threads, meanwhile, that longer way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from threading import RLock
from typing import Any

from ..devices import device as Device
from ..devices import resolve
from ..registry import Op, registry
from .switch import switch

__all__ = ["hold", "kernel_of", "release"]

_lock = RLock()
_regions: Counter[str] = Counter()  # threads that have autocast on, by device type
_listed: dict[str, Collection[str]] = {}
_ops: dict[str, tuple[Collection[str], int, Collection[Op]]] = {}
_tables: dict[Device, list[Any]] = {}  # as they were found: a test may put another in its place
_kept: dict[Device, dict[int, Any]] = {}

# They are called without a look at what is in the table, by the casts among others.
_ALWAYS_A_KERNEL = {"cast", "copy"}


def hold(device_type: str, names: Collection[str]) -> None:
    """One more thread has autocast on in `device_type`; `names` are the ops in its lists."""
    # Not under the lock: making a device ready may register ops, which takes it.
    devices = _devices(device_type)
    with _lock:
        _regions[device_type] += 1
        if _regions[device_type] > 1:
            return
        switch.on += 1  # before the kernels go, and less only after they are back
        _listed[device_type] = names
        _listen()
        for device in devices:
            _tables[device], _kept[device] = device.table, {}
        for op in _held(device_type):
            _hold(op, devices)


def release(device_type: str) -> None:
    """One thread less; the last one puts the kernels back."""
    with _lock:
        _regions[device_type] -= 1
        if not _regions[device_type]:
            del _regions[device_type]
            _restore(device_type)
            switch.on -= 1


def kernel_of(device: Device, op: Op) -> Any:
    """The kernel of `op` on `device`, whether it is held back or not; None where there is none."""
    with _lock:
        kernel = device.table[op.slot]
        if kernel is None and _tables.get(device) is device.table:
            return _kept[device].get(op.slot)
        return kernel


def _devices(device_type: str) -> list[Device]:
    """All devices of the type, made ready, so that none comes later with its table full."""
    first = resolve(device_type)
    if device_type == "cpu":
        return [first]
    return [resolve(Device(device_type, i)) for i in range(first.backend.device_count())]


def _held(device_type: str) -> Collection[Op]:
    """The ops that are held back on `device_type`; looked for anew when ops or lists change."""
    names, count = _listed[device_type], len(registry)
    found = _ops.get(device_type)
    if found is None or found[0] is not names or found[1] != count:
        chosen = [op for op in registry if op.name in names and _can_be_held(op)]
        found = _ops[device_type] = names, count, chosen
    return found[2]


def _hold(op: Op, devices: Collection[Device]) -> None:
    slot = op.slot
    for device in devices:
        table = _tables[device]
        if table[slot] is not None:
            _kept[device][slot] = table[slot]
            table[slot] = None


def _can_be_held(op: Op) -> bool:
    """Whether calls of `op` look for None in the table: not those of views and of primitives
    without a gradient, whose results have their dtype from elsewhere."""
    if op.kind not in ("primitive", "composite") or op.view or op.name in _ALWAYS_A_KERNEL:
        return False
    return op.decomposes or op.vjp is not None


def _restore(device_type: str) -> None:
    del _listed[device_type]
    for device in [device for device in _tables if device.type == device_type]:
        table = _tables.pop(device)
        for slot, kernel in _kept.pop(device).items():
            if table[slot] is None:
                table[slot] = kernel


def _added(op: Op) -> None:
    with _lock:
        _ops.clear()
        for device_type, names in _listed.items():
            if op.name in names and _can_be_held(op):
                _hold(op, [d for d in _tables if d.type == device_type])


def _removed(op: Op) -> None:
    with _lock:
        _ops.clear()
        for kept in _kept.values():
            kept.pop(op.slot, None)


def _listen() -> None:
    # Not before a device is ready: those that fill tables for a new op have to come first.
    if _added not in registry.listeners:
        registry.listeners.append(_added)
        registry.removed.append(_removed)
