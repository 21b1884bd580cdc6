"""Tensors inside tuples, lists and dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any

from ..tensor import Tensor

__all__ = ["mapped", "signature", "tensors"]


def mapped(function: Callable[[Tensor], Any], value: Any) -> Any:
    """`value` with each tensor in it replaced by ``function(tensor)``."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, dict):
        return {key: mapped(function, one) for key, one in value.items()}
    if type(value) in (tuple, list):
        return type(value)(mapped(function, one) for one in value)
    return value


def tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in `value`, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from tensors(one)
    elif type(value) in (tuple, list):
        for one in value:
            yield from tensors(one)


def signature(value: Any) -> Hashable:
    """What two values share if a recording with the one fits the other.

    That is tensors' shapes and dtypes and whether they require gradients, and everything else by
    its type and value.
    """
    if isinstance(value, Tensor):
        return Tensor, value._data.shape, value.dtype.name, value.requires_grad
    if isinstance(value, dict):
        return tuple((key, signature(one)) for key, one in value.items())
    if type(value) in (tuple, list):
        return type(value), tuple(map(signature, value))
    return type(value), repr(value)
