"""Calls of ops and functions while autocast is on somewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .. import dtypes
from ..devices import device as Device
from ..registry import Op, link
from ..registry.record import decomposition, explained, wrap_result
from ..tensor import Tensor
from .cache import cast_once
from .settings import FLOAT32, INSIDE, LOWER, PROMOTE, Setting
from .switch import current, pause, resume
from .tables import kernel_of

__all__ = ["call_function", "call_op", "settles"]

_CAST = (dtypes.float32, dtypes.bfloat16, dtypes.float16)


def call_op(op: Op, args: Sequence[Any]) -> Any:
    """Run `op`, for which there is no kernel in the table, or one that is held back."""
    first = args[0]
    device = first.device if isinstance(first, Tensor) else _device(args[: op.inputs])
    kernel = kernel_of(device, op)
    setting = current.active.get(device.type)
    if setting is None:
        return _run(op, args, kernel, device)
    rule = setting.rules.get(op.name)
    before = pause()
    try:
        if rule is None:
            return _run(op, args, kernel, device)
        target = _target(rule, setting, device, args[: op.inputs])
        cast = [_cast(a, target, device) for a in args[: op.inputs]]
        out = _run(op, [*cast, *args[op.inputs :]], kernel, device)
        if rule != INSIDE:
            return out
        kind = next(a.dtype for a in args if isinstance(a, Tensor))
        return (out[0].to(kind), *out[1:]) if type(out) is tuple else out.to(kind)
    finally:
        resume(before)


def call_function(
    name: str, function: Callable[..., Any], args: Sequence[Any], arguments: Mapping[str, Any]
) -> Any:
    """Run a function of several ops, whose dtype is chosen as a whole, by its name."""
    given = (*args, *arguments.values())
    device = _device(given, None)
    setting = None if device is None else current.active.get(device.type)
    rule = None if setting is None else setting.rules.get(name)
    if device is None or setting is None or rule is None:
        return function(*args, **arguments)
    before = pause()
    try:
        target = _target(rule, setting, device, given)
        out = function(
            *[_cast(a, target, device) for a in args],
            **{key: _cast(a, target, device) for key, a in arguments.items()},
        )
        if rule == INSIDE:
            return out.to(next(a.dtype for a in given if isinstance(a, Tensor)))
        return out
    finally:
        resume(before)


def settles(name: str, tensor: Tensor) -> bool:
    """Whether autocast gives the inputs of `name` one dtype, so that theirs need not agree."""
    setting = current.active.get(tensor.device.type)
    return setting is not None and name in setting.rules


def _run(op: Op, args: Sequence[Any], kernel: Any, device: Device) -> Any:
    if kernel is None:
        return decomposition(op, args)
    try:
        data = kernel(*[_data(a) for a in args[: op.inputs]], *args[op.inputs :])
    except Exception as error:
        raise explained(op, args, error) from error
    out = wrap_result(op, data, args, device)
    if op.differentiable:
        link(op, args, out)
    return out


def _data(a: Any) -> Any:
    return a._data if isinstance(a, Tensor) else a


def _tensors(args: Sequence[Any]) -> Iterator[Tensor]:
    for a in args:
        if isinstance(a, Tensor):
            yield a
        elif isinstance(a, (tuple, list)):
            yield from _tensors(a)


def _device(args: Sequence[Any], *default: Any) -> Any:
    return next((t.device for t in _tensors(args)), *default)


def _target(rule: str, setting: Setting, device: Device, args: Sequence[Any]) -> dtypes.dtype:
    """The dtype that `rule` casts `args` to."""
    if rule == LOWER:
        return setting.dtype
    if rule == PROMOTE:
        kinds = {t.dtype for t in _tensors(args) if t.device is device and t.dtype in _CAST}
        return kinds.pop() if len(kinds) == 1 else dtypes.float32
    assert rule in (FLOAT32, INSIDE)
    return dtypes.float32


def _cast(a: Any, target: dtypes.dtype, device: Device) -> Any:
    if isinstance(a, Tensor):
        eligible = a.device.type == device.type and a.dtype in _CAST
        return cast_once(a, target) if eligible else a
    if type(a) in (tuple, list):
        return type(a)(_cast(x, target, device) for x in a)
    return a
