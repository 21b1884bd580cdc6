"""Mixed precision: `autocast` runs each op in the dtype that suits it, `GradScaler` keeps small
float16 gradients from vanishing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .custom import custom_bwd, custom_fwd
    from .region import autocast
    from .scaler import GradScaler
    from .settings import is_autocast_available

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]

_LAZY = {
    "GradScaler": "scaler",
    "autocast": "region",
    "custom_bwd": "custom",
    "custom_fwd": "custom",
    "is_autocast_available": "settings",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
