"""A tensor in another dtype, on another device, or in new memory."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..devices import resolve
from ..registry import Op, link, registry
from ..tensor import Tensor, wrap
from .transfer import carried

_cast = registry.add(
    Op(
        "cast",
        ("input", "dtype"),
        1,
        kind="primitive",
        vjp=lambda g, input_dtype: cast(g, input_dtype),
        doc="The values in another dtype, as C converts them; to bool: whether not 0.",
    )
)
_copy = registry.add(
    Op(
        "copy",
        ("input",),
        1,
        kind="primitive",
        vjp=(lambda g: g,),
        doc="The values in memory of their own.",
    )
)
_move = registry.add(
    Op(
        "to_device",
        ("input", "target", "source"),
        1,
        kind="internal",
        vjp=lambda g, source: g.to(source),
        doc="The values on another device.",
    )
)


def cast(input: Tensor, dtype: dtypes.dtype) -> Tensor:
    """`input` in another dtype (itself if it has it)."""
    if input.dtype is dtype:
        return input
    out = wrap(input.device.table[_cast.slot](input._data, dtype), dtype, input.device)
    if input._node is not None:
        link(_cast, (input, dtype), out)
    return out


def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy in new memory, through which gradients flow."""
    out = wrap(input.device.table[_copy.slot](input._data), input.dtype, input.device)
    if input._node is not None:
        link(_copy, (input,), out)
    return out


def move(input: Tensor, device: Any, non_blocking: bool = False) -> Tensor:
    """`input` on another device (itself if it is there).

    `non_blocking`: the host need not wait for the copy, see `Tensor.to`.
    """
    target = resolve(device)
    source = input.device
    if target is source:
        return input
    data = carried(input._data, input.dtype, source, target, non_blocking)
    out = wrap(data, input.dtype, target)
    if input._node is not None:
        link(_move, (input, target, source), out)
    return out


def rehoused(input: Tensor, data: Any) -> Tensor:
    """`data`, an array of the CPU with `input`'s values in other memory, as a tensor."""
    out = wrap(data, input.dtype, input.device)
    if input._node is not None:
        link(_move, (input, input.device, input.device), out)
    return out
