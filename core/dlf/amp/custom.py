"""Autocast for custom autograd functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import Any

from .. import dtypes
from ..tensor import Tensor
from .region import autocast, get_autocast_dtype, is_autocast_enabled

__all__ = ["custom_bwd", "custom_fwd"]


def _cast(value: Any, device_type: str, dtype: dtypes.dtype) -> Any:
    """The floating-point tensors of `value` and of the containers in it, float64 ones apart."""
    if isinstance(value, Tensor):
        kind = value.dtype
        eligible = kind.is_floating_point and kind is not dtypes.float64
        return value.to(dtype) if eligible and value.device.type == device_type else value
    if isinstance(value, Mapping):
        return {key: _cast(item, device_type, dtype) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_cast(item, device_type, dtype) for item in value)
    return value


def _check(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(
            f"Expected `device_type` of type `str`, got: `{type(device_type).__name__}`"
        )


def custom_fwd(
    fwd: Callable[..., Any] | None = None,
    *,
    device_type: str,
    cast_inputs: dtypes.dtype | None = None,
) -> Any:
    """Decorate the ``forward`` of a `dlf.autograd.Function` whose ``backward`` has `custom_bwd`.

    Args:
        fwd: the method; left out, a decorator is given.
        device_type: the device type whose autocast is meant.
        cast_inputs: inside a region, floating-point arguments are cast to this dtype and `fwd` runs
            with autocast off. Default: they stay, and `fwd` runs as its caller does.
    """
    _check(device_type)
    if fwd is None:
        return partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    function = fwd

    @wraps(function)
    def decorated(*args: Any, **arguments: Any) -> Any:
        ctx = args[0]
        ctx._dtype = get_autocast_dtype(device_type)
        on = is_autocast_enabled(device_type)
        ctx._fwd_used_autocast = on and cast_inputs is None
        if not on or cast_inputs is None:
            return function(*args, **arguments)
        with autocast(device_type, enabled=False):
            return function(
                *_cast(args, device_type, cast_inputs),
                **_cast(arguments, device_type, cast_inputs),
            )

    return decorated


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Any:
    """Decorate the ``backward`` of a `dlf.autograd.Function`: it runs with autocast as its
    ``forward``, which has `custom_fwd`, did."""
    _check(device_type)
    if bwd is None:
        return partial(custom_bwd, device_type=device_type)
    function = bwd

    @wraps(function)
    def decorated(*args: Any, **arguments: Any) -> Any:
        ctx = args[0]
        with autocast(device_type, dtype=ctx._dtype, enabled=ctx._fwd_used_autocast):
            return function(*args, **arguments)

    return decorated
