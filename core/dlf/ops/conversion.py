"""Tensor's conversions to another dtype or device: `to`, `cpu`, `float`, `type` ..."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import dtypes
from ..tensor import Tensor
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


def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """This tensor in another dtype, on another device, or like another tensor; itself if nothing
    changes.

    ``x.to(dlf.float64)``, ``x.to("cpu")``, ``x.to("cpu", dlf.int64)``, ``x.to(other)``; keywords
    ``dtype``, ``device``, ``copy``, ``non_blocking``.
    """
    from ..devices import device as Device

    dtype, target = kwargs.pop("dtype", None), kwargs.pop("device", None)
    copy = kwargs.pop("copy", False)
    kwargs.pop("non_blocking", None), kwargs.pop("memory_format", None)
    if kwargs:
        raise TypeError(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'")
    for a in args:
        if isinstance(a, dtypes.dtype):
            dtype = a
        elif isinstance(a, Tensor):
            dtype, target = a.dtype, a.device
        elif isinstance(a, (str, Device)):
            target = a
        elif isinstance(a, bool) or a is None:
            continue
        else:
            raise TypeError(f"to(): expected a dtype, a device or a tensor, got {type(a).__name__}")
    out = self
    if target is not None and target is not self.device:
        out = move(out, target)
    if dtype is not None:
        out = cast(out, dtype)
    return clone(out) if copy and out is self else out


def cpu(self: Tensor) -> Tensor:
    """This tensor on the CPU."""
    return move(self, "cpu")


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


METHODS: dict[str, Any] = {
    "to": to,
    "cpu": cpu,
    "type": type_,
    "type_as": type_as,
    **{name: _caster(name, dtype) for name, dtype in CASTS.items()},
}
