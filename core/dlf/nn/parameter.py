"""`Parameter` and `Buffer`: tensors that a `Module` registers when they are assigned to it."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import dlf
from dlf.tensor import Tensor

__all__ = ["Buffer", "Parameter"]

T = TypeVar("T", bound=Tensor)


def _share(cls: type[T], data: Tensor | None) -> T:
    """A tensor of class `cls` over the storage of `data`, off its graph."""
    source = dlf.empty(0) if data is None else data.detach()
    tensor = object.__new__(cls)
    tensor._data = source._data
    tensor.dtype = source.dtype
    tensor.device = source.device
    tensor._node = None
    tensor._version = source._version
    if source.__dict__:
        tensor.__dict__.update(source.__dict__)
    return tensor


class Parameter(Tensor):
    """A tensor that `Module` lists among its parameters.

    Args:
        data: the values; the storage is shared, the graph is not. Default: an empty tensor.
        requires_grad: whether gradients are collected. Default: True.
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        parameter = _share(cls, data)
        if requires_grad:
            parameter.requires_grad_()
        return parameter

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        pass

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) in memo:
            return cast(Parameter, memo[id(self)])
        copy = type(self)(self.detach().clone(), self.requires_grad)
        memo[id(self)] = copy
        return copy

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild_parameter, (self.detach(), self.requires_grad)


class Buffer(Tensor):
    """A tensor that `Module` lists among its buffers when it is assigned.

    Args:
        data: the values; the storage is shared, the graph is not. Default: an empty tensor.
        persistent: whether the buffer is part of the module's `state_dict`. Default: True.
    """

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        buffer = _share(cls, data)
        buffer.persistent = persistent
        return buffer

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        pass


def _rebuild_parameter(data: Tensor, requires_grad: bool) -> Parameter:
    return Parameter(data, requires_grad)
