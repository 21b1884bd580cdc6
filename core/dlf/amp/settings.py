"""What autocast does on a device type, and in which types the calling thread has it on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import dtypes
from ..errors import DeviceUnavailableError, PluginError, UnknownNameError
from .lists import CPU, GENERAL

if TYPE_CHECKING:
    from ..plugin.services import Amp

__all__ = [
    "FLOAT32",
    "INSIDE",
    "LOWER",
    "PROMOTE",
    "Setting",
    "is_autocast_available",
    "service_of",
    "setting_of",
    "supported",
]

LOWER, FLOAT32, PROMOTE, INSIDE = "lower_precision", "float32", "promote", "float32_inside"


@dataclass(frozen=True)
class Setting:
    """Autocast on one device type: the lower dtype, and by name the list that an op stands in."""

    dtype: dtypes.dtype
    rules: Mapping[str, str]


_rules: dict[str, tuple[Amp, Mapping[str, str]]] = {}


def service_of(device_type: str) -> Amp:
    """The ``amp`` service of the backend for `device_type`, or core's lists in its place.

    Raises as `Host.load_backend` where there is no such backend, or it cannot be used here.
    """
    from ..plugin.host import get_host

    found: Any = get_host().load_backend(device_type).backend.services.get("amp")
    return found if found is not None else _default(device_type)


def _default(device_type: str) -> Amp:
    return CPU if device_type == "cpu" else GENERAL


def supported(device_type: str) -> frozenset[str]:
    """Names of the dtypes that a region on `device_type` may have there."""
    from ..plugin.host import get_host

    stored = get_host().load_backend(device_type).backend.caps.dtypes
    return frozenset(service_of(device_type).dtypes) & stored


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast knows `device_type`: a backend is registered for it and, if it can be used
    on this machine, has a dtype for it."""
    if not isinstance(device_type, str):
        raise TypeError(f"device_type must be a string such as 'cpu', got {device_type!r}")
    try:
        return bool(supported(device_type))
    except UnknownNameError:
        return False
    except (DeviceUnavailableError, PluginError):
        return True


def default_dtype(device_type: str) -> dtypes.dtype:
    """The dtype of a region on `device_type` where none is asked for."""
    try:
        name = service_of(device_type).default_dtype
    except (DeviceUnavailableError, PluginError):
        name = _default(device_type).default_dtype
    found: dtypes.dtype = getattr(dtypes, name)
    return found


def setting_of(device_type: str, dtype: dtypes.dtype) -> Setting:
    """How autocast to `dtype` treats each op on `device_type`."""
    service = service_of(device_type)
    known = _rules.get(device_type)
    if known is None or known[0] is not service:
        known = _rules[device_type] = service, _by_name(device_type, service)
    return Setting(dtype, known[1])


def _by_name(device_type: str, service: Amp) -> Mapping[str, str]:
    rules: dict[str, str] = {}
    for rule in (LOWER, FLOAT32, PROMOTE, INSIDE):
        names: Iterable[str] = getattr(service, rule, ())
        for name in names:
            if rules.setdefault(name, rule) != rule:
                raise PluginError(
                    f"the amp service of '{device_type}' lists '{name}' under {rules[name]} and "
                    f"under {rule}; name it once"
                )
    return rules
