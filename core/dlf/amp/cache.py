"""Casts of leaves, kept for the length of the outermost region: a weight is cast once there."""

from __future__ import annotations

import threading
from typing import Any

from .. import dtypes
from ..autograd.mode import mode, observe, watch
from ..autograd.node import Leaf, Node, tick
from ..ops.copying import cast
from ..registry import registry
from ..tensor import Tensor
from .switch import current

__all__ = ["cast_once", "clear_autocast_cache"]

_CAST = registry["cast"]


class _Casts(threading.local):
    def __init__(self) -> None:
        self.made: dict[tuple[int, dtypes.dtype, bool], tuple[Tensor, Any, int, Tensor]] = {}


_casts = _Casts()


class _KeptCast(Node):
    """The node of a cast that several backward passes may go through: they do not free it."""

    __slots__ = ("source",)

    source: dtypes.dtype

    @property
    def saved(self) -> tuple[Any, ...]:
        return (self.source,)

    @saved.setter
    def saved(self, value: Any) -> None:
        """Kept: it holds no memory that could be freed."""


def cast_once(tensor: Tensor, dtype: dtypes.dtype) -> Tensor:
    """`tensor` in `dtype`, from the thread's cache if it is a float32 leaf that requires grad.

    One that was written since, or whose gradient mode has changed, is cast anew.
    """
    if tensor.dtype is dtype:
        return tensor
    if (
        not current.cache_enabled
        or not current.nesting
        or type(tensor._node) is not Leaf
        or tensor.dtype is not dtypes.float32
        or dtype is dtypes.float32
    ):
        return cast(tensor, dtype)
    key = id(tensor), dtype, mode.grad
    found = _casts.made.get(key)
    count = 0 if tensor._version is None else tensor._version.count
    if found is not None and found[1] is tensor._data and found[2] == count:
        return found[3]
    made = _cast_leaf(tensor, dtype)
    # The tensor itself is kept too, or another one might get its id.
    _casts.made[key] = tensor, tensor._data, count, made
    return made


def _cast_leaf(tensor: Tensor, dtype: dtypes.dtype) -> Tensor:
    made = cast(tensor.detach(), dtype)
    if mode.grad:
        node = _KeptCast()
        node.plan, node.edges, node.source = _CAST.plan((True,)), (tensor._node,), tensor.dtype
        node.seq, node.shape = tick(), made._data.shape
        made._node = node
        if watch.on:
            observe(node)
    return made


def clear_autocast_cache() -> None:
    """Forget the calling thread's casts."""
    _casts.made.clear()
