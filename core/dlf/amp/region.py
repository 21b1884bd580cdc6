"""`autocast`, and the functions that read and set the calling thread's state."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import Any, TypeVar

from .. import dtypes
from ..errors import DeviceUnavailableError, PluginError
from .cache import clear_autocast_cache
from .call import call_function, call_op, settles
from .settings import default_dtype, is_autocast_available, setting_of, supported
from .switch import current, switch
from .tables import hold, release

__all__ = [
    "autocast",
    "clear_autocast_cache",
    "get_autocast_dtype",
    "is_autocast_cache_enabled",
    "is_autocast_enabled",
    "set_autocast_cache_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
]

F = TypeVar("F", bound=Callable[..., Any])

switch.op, switch.function, switch.settles = call_op, call_function, settles


class autocast:
    """Inside the block, or the decorated function, ops run in the dtype that suits them.

    Products such as matmul, linear and convolutions run in `dtype`; losses, and on accelerators
    exponentials, sums and the like, in float32; other ops in the dtype of their inputs, as outside.
    Weights are cast once in a region and their gradients come in their own dtype. The state is the
    calling thread's. Run the forward pass and the loss inside, the backward pass outside: it uses
    the dtypes of the forward.

    Args:
        device_type: where: ``"cpu"`` or another device type.
        dtype: the lower dtype. Default: that of `get_autocast_dtype`.
        enabled: False switches autocast off in the region. Default: True.
        cache_enabled: whether casts of weights are kept until the outermost region ends. Default:
            as around it.

    Raises:
        TypeError: `device_type` is no string, or `dtype` no dtype.
        RuntimeError: no backend is registered for `device_type`, or it has no dtype for autocast.

    A dtype that the device cannot autocast to, and a device that cannot be used on this machine,
    give a warning, and autocast stays off.
    """

    def __init__(
        self,
        device_type: str,
        dtype: dtypes.dtype | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if not is_autocast_available(device_type):
            raise RuntimeError(
                f"autocast: no backend is registered for the device type '{device_type}'; "
                "`dlf backends list` shows those that are"
            )
        if dtype is not None and not isinstance(dtype, dtypes.dtype):
            raise TypeError(f"autocast: dtype must be a dlf.dtype, got {dtype!r}")
        self.device = device_type
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self._enabled = bool(enabled) and _possible(device_type, self.fast_dtype)
        self._cache_enabled = cache_enabled
        self._before: list[tuple[bool, dtypes.dtype | None, bool]] = []

    def __enter__(self) -> autocast:
        own = current.dtypes.get(self.device)
        before = is_autocast_enabled(self.device), own, current.cache_enabled
        _set(self.device, self._enabled, self.fast_dtype)
        self._before.append(before)
        current.dtypes[self.device] = self.fast_dtype
        if self._cache_enabled is not None:
            current.cache_enabled = self._cache_enabled
        current.nesting += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        enabled, dtype, cache_enabled = self._before.pop()
        current.nesting -= 1
        if not current.nesting:
            clear_autocast_cache()
        current.cache_enabled = cache_enabled
        if dtype is None:
            del current.dtypes[self.device]
        else:
            current.dtypes[self.device] = dtype
        _set(self.device, enabled, get_autocast_dtype(self.device))

    def __call__(self, function: F) -> F:
        if not callable(function):
            raise TypeError(
                f"autocast()(function) requires a callable, but got {type(function).__name__}; as "
                "a context manager it is `with dlf.autocast(device_type):`"
            )

        @wraps(function)
        def decorated(*args: Any, **arguments: Any) -> Any:
            with self:
                return function(*args, **arguments)

        return decorated  # type: ignore[return-value]  # wraps keeps the signature


def _possible(device_type: str, dtype: dtypes.dtype) -> bool:
    """Whether autocast to `dtype` can be on; warns where it cannot."""
    try:
        names = supported(device_type)
    except (DeviceUnavailableError, PluginError) as error:
        reason = str(error)
    else:
        if dtype.name in names:
            return True
        reason = f"it only supports {', '.join(sorted(names))} there, not {dtype}"
    warnings.warn(f"autocast on '{device_type}' is disabled: {reason}", stacklevel=3)
    return False


def _set(device_type: str, enabled: bool, dtype: dtypes.dtype) -> None:
    before = device_type in current.active
    if enabled:
        setting = setting_of(device_type, dtype)
        if not before:
            hold(device_type, setting.rules)
        current.active = {**current.active, device_type: setting}
    elif before:
        current.active = {k: v for k, v in current.active.items() if k != device_type}
        release(device_type)


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether the calling thread has autocast on in `device_type` (None: in any)."""
    return bool(current.active) if device_type is None else device_type in current.active


def set_autocast_enabled(device_type: str, enabled: bool) -> None:
    """Switch the calling thread's autocast on or off; `autocast` also puts it back."""
    if enabled and not is_autocast_available(device_type):
        raise RuntimeError(f"unsupported autocast device_type '{device_type}'")
    dtype = get_autocast_dtype(device_type)
    _set(device_type, bool(enabled) and _possible(device_type, dtype), dtype)


def get_autocast_dtype(device_type: str) -> dtypes.dtype:
    """The lower dtype of the calling thread's next region on `device_type`.

    UnknownNameError for a device type that nobody registered.
    """
    return current.dtypes.get(device_type) or default_dtype(device_type)


def set_autocast_dtype(device_type: str, dtype: dtypes.dtype) -> None:
    """Choose the lower dtype for the calling thread."""
    if not isinstance(dtype, dtypes.dtype):
        raise TypeError(f"set_autocast_dtype: dtype must be a dlf.dtype, got {dtype!r}")
    current.dtypes[device_type] = dtype
    if device_type in current.active:
        _set(device_type, _possible(device_type, dtype), dtype)


def is_autocast_cache_enabled() -> bool:
    """Whether casts of weights are kept within a region."""
    return current.cache_enabled


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Keep casts of weights within a region, or make them anew each time."""
    current.cache_enabled = bool(enabled)
