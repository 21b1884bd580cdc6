"""Batches into pinned memory, as PyTorch's loader puts them there."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

from dlf.devices import device as Device
from dlf.errors import DeviceUnavailableError, PluginError
from dlf.ops.pinning import pinning_device
from dlf.tensor import Tensor

__all__ = ["pin", "pinner"]


def pinner(device: str = "") -> Callable[[Any], Any] | None:
    """The function that pins a batch for `device` (empty: see `Tensor.pin_memory`).

    None, with a warning, where there is no such device on this machine, or it has no pinned memory.
    """
    found: Device | None = None
    try:
        found = pinning_device(device or None)
    except (DeviceUnavailableError, PluginError) as error:
        reason = str(error)
    else:
        reason = f"{device} has no pinned memory" if device else "no accelerator is found"
    if found is None:
        warnings.warn(
            f"'pin_memory' argument is set as true but {reason}, then device pinned memory won't "
            "be used.",
            stacklevel=3,
        )
        return None
    where = found
    return lambda data: pin(data, where)


def pin(data: Any, device: Device) -> Any:
    """`data` with its CPU tensors in memory that is pinned for `device`.

    Mappings, named tuples, tuples and sequences keep their type, and what is in them is pinned; an
    object with a method ``pin_memory`` is replaced by what that gives; all else stays. Tensors of
    devices stay too, so that a data set may have both.
    """
    if isinstance(data, Tensor):
        return data.pin_memory(device) if data.is_cpu else data
    if hasattr(data, "pin_memory"):
        return data.pin_memory()
    if isinstance(data, (str, bytes)):
        return data
    if isinstance(data, Mapping):
        return _mapping(data, {key: pin(value, device) for key, value in data.items()})
    if isinstance(data, tuple):
        pinned = [pin(value, device) for value in data]
        return type(data)(*pinned) if hasattr(data, "_fields") else type(data)(pinned)
    if isinstance(data, Sequence):
        return _sequence(data, [pin(value, device) for value in data])
    return data


def _mapping(data: Mapping[Any, Any], pinned: dict[Any, Any]) -> Any:
    # A copy, where one can be written: the type may have more to it than its entries.
    try:
        if isinstance(data, MutableMapping):
            clone = copy.copy(data)
            clone.update(pinned)
            return clone
        return type(data)(pinned)  # type: ignore[call-arg]  # tried: most mappings are made of one
    except TypeError:
        return pinned


def _sequence(data: Sequence[Any], pinned: list[Any]) -> Any:
    try:
        if isinstance(data, MutableSequence):
            clone = copy.copy(data)
            for at, value in enumerate(pinned):
                clone[at] = value
            return clone
        return type(data)(pinned)  # type: ignore[call-arg]  # tried: most sequences are made of one
    except TypeError:
        return pinned
