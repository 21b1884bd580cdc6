"""CuPy, imported when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["cupy", "cupyx"]


def cupy() -> Any:
    """The module `cupy`."""
    return import_module("cupy")


def cupyx(name: str = "") -> Any:
    """The module ``cupyx``, or ``cupyx.NAME``."""
    return import_module(f"cupyx.{name}" if name else "cupyx")
