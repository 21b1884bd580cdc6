"""Tensor's conversions to another dtype, device or memory: `to`, `cpu`, `float`, `type` ..."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import dtypes
from ..devices import device as Device
from ..devices import resolve
from ..tensor import Tensor
from . import pinning
from .copying import cast, clone, move

__all__ = ["CASTS", "METHODS"]

CASTS = {
    "float": dtypes.float32,
    "double": dtypes.float64,
    "half": dtypes.float16,
    "bfloat16": dtypes.bfloat16,
    "int": dtypes.int32,
    "long": dtypes.int64,
    "short": dtypes.int16,
    "char": dtypes.int8,
    "byte": dtypes.uint8,
    "bool": dtypes.bool,
    "cfloat": dtypes.complex64,
    "cdouble": dtypes.complex128,
}


def to(
    self: Tensor,
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """This tensor in another dtype, on another device, or like another tensor; itself if nothing
    changes.

    ``x.to(dlf.float64)``, ``x.to("cpu")``, ``x.to("cpu", dlf.int64)``, ``x.to(other)``;
    `non_blocking` and `copy` may follow, in this order. Gradients flow through.

    Args:
        non_blocking: the host need not wait for the copy. From pinned memory (`pin_memory`) to a
            device: the tensor must not be written before the device has read it. From a device to
            the CPU: the result is in pinned memory, and has its values only once the device is
            synchronised, such as by ``dlf.NAME.synchronize()``. In all other cases, and on a device
            without pinned memory, the host waits as without it. Default: False: whatever is done
            to this tensor later, the result has its values of now.
        copy: a new tensor even where nothing changes. Default: False.
    """
    flags = 0
    for a in args:
        if isinstance(a, dtypes.dtype):
            dtype = a
        elif isinstance(a, Tensor):
            dtype, device = a.dtype, a.device
        elif isinstance(a, (str, Device)):
            device = a
        elif isinstance(a, bool):
            non_blocking, copy = (a, copy) if not flags else (non_blocking, a)
            flags += 1
        elif a is not None:
            raise TypeError(f"to(): expected a dtype, a device or a tensor, got {type(a).__name__}")
    if flags > 2:
        raise TypeError("to(): expected non_blocking and copy, got a third bool")
    out = self
    if device is not None and device is not self.device:
        out = _queued(out, device, dtype) if non_blocking else move(out, device)
    if dtype is not None:
        out = cast(out, dtype)
    return clone(out) if copy and out is self else out


def _queued(tensor: Tensor, device: Any, dtype: Any) -> Tensor:
    """`tensor` on `device` without a wait; cast before where the host would cast what is not there
    yet."""
    target, source = resolve(device), tensor.device
    if target.type != "cpu" or dtype is None or dtype is tensor.dtype:
        return move(tensor, target, True)
    if dtype.name not in source.backend.caps.dtypes:
        return move(tensor, target)
    return move(cast(tensor, dtype), target, True)


def cpu(self: Tensor, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
    """This tensor on the CPU; `non_blocking` as in `Tensor.to`."""
    return move(self, "cpu", non_blocking)


def type_(self: Tensor, dtype: Any = None) -> Any:
    """The dtype's name as PyTorch writes it, or this tensor in another dtype."""
    if dtype is None:
        return f"dlf.{self.dtype.name}"
    return cast(self, dtype)


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor in the dtype of `other`."""
    return cast(self, other.dtype)


def _caster(name: str, dtype: dtypes.dtype) -> Callable[[Tensor], Tensor]:
    def method(self: Tensor) -> Tensor:
        return cast(self, dtype)

    method.__name__, method.__doc__ = name, f"This tensor in {dtype}."
    return method


def record_stream(self: Tensor, stream: Any) -> None:
    """Does nothing: memory that was let go is not used again before the work on any stream that may
    still read it is done (`dlf.plugin.services.Streams`)."""


METHODS: dict[str, Any] = {
    "to": to,
    "cpu": cpu,
    "type": type_,
    "type_as": type_as,
    **{name: _caster(name, dtype) for name, dtype in CASTS.items()},
    **pinning.METHODS,
    "record_stream": record_stream,
}
