"""Marks a function of several ops whose dtype autocast chooses as a whole, by the function's name.

Light: the functions that are marked load it, and the rest of the package is loaded by the first
region.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from .switch import switch

__all__ = ["listed"]

P = ParamSpec("P")
R = TypeVar("R")


def listed(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, for which a device's lists may have a dtype under its name."""

    @wraps(function)
    def called(*args: P.args, **arguments: P.kwargs) -> R:
        if switch.on:
            result: R = switch.function(function.__name__, function, args, arguments)
            return result
        return function(*args, **arguments)

    return called
