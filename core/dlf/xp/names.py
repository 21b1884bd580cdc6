"""Functions of a namespace by their standard names, where they may have NumPy's or older ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["BASE", "OTHERS", "absent", "find", "lacking"]

BASE = ("add", "arange", "asarray", "full", "reshape", "sum", "zeros")
"""What every kernel may call."""

# The array API standard's name -> other names for the same.
OTHERS = {
    "abs": "absolute",
    "acos": "arccos",
    "acosh": "arccosh",
    "asin": "arcsin",
    "asinh": "arcsinh",
    "atan": "arctan",
    "atan2": "arctan2",
    "atanh": "arctanh",
    "bitwise_left_shift": "left_shift",
    "bitwise_right_shift": "right_shift",
    "concat": "concatenate",
    "cumulative_prod": "cumprod",
    "cumulative_sum": "cumsum",
    "permute_dims": "transpose",
    "pow": "power",
    "round": "rint",
}


def find(xp: Any, name: str, others_first: bool = False) -> Any:
    """The function of standard name `name`; None if `xp` has it under no known name.

    `others_first` prefers the other name, which in NumPy is the faster one of the two.
    """
    names = [name, OTHERS.get(name, name)]
    for each in reversed(names) if others_first else names:
        function = getattr(xp, each, None)
        if function is not None:
            return function
    return None


def absent(xp: Any, name: str) -> Callable[..., Any]:
    """What stands in the place of a function that `xp` lacks; kernels that call it are left out."""

    def function(*args: Any, **how: Any) -> Any:
        raise AttributeError(f"the array namespace {xp!r} has no function '{name}'")

    return function


def lacking(xp: Any) -> list[str]:
    """Those of `BASE` that `xp` does not have."""
    return [name for name in BASE if find(xp, name) is None]
