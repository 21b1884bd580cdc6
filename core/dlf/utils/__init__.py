"""Helpers beside the core: `dlf.utils.data` loads data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import data

__all__ = ["data"]


def __getattr__(name: str) -> Any:
    if name == "data":
        import importlib

        return importlib.import_module(f"{__name__}.data")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
