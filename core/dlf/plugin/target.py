"""Loads what a plugin names as text, and tells in one line why that failed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["describe", "load_target"]


def load_target(target: str) -> Any:
    """What ``"package.module:name.name"`` names, or the module that ``"package.module"`` names."""
    module, _, names = target.partition(":")
    found: Any = import_module(module)
    for name in filter(None, names.split(".")):
        found = getattr(found, name)
    return found


def describe(error: BaseException) -> str:
    """`error` in one line, with the first of the exceptions that led to it."""
    text, root = _line(error), error
    while (cause := _cause(root)) is not None:
        root = cause
    return text if root is error else f"{text} (from {_line(root)})"


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _line(error: BaseException) -> str:
    return ": ".join(filter(None, (type(error).__name__, " ".join(str(error).split()))))
