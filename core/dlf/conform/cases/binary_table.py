"""What each elementwise kernel of two operands computes, in Python's and NumPy's own words."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["BOOL", "COMPARE", "COMPLEX_OPS", "EXACT", "FLOAT", "INTEGER", "PAIRS", "SIGNED_ZEROS"]

PAIRS: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((3, 5), (3, 5)),
    ((), ()),
    ((7,), ()),
    ((), (2, 3)),
    ((0,), (0,)),
    ((2, 0, 3), (1, 1, 3)),
    ((0,), (1,)),
    ((4, 1), (1, 5)),
    ((5,), (4, 5)),
    ((4, 5), (1,)),
    ((3, 1, 2), (4, 1)),
    ((5, 67), (5, 67)),
    ((2, 1, 3, 1, 2, 1), (1, 2, 1, 2, 1, 2)),
    ((5, 67), (67,)),
    ((5, 1), (5, 67)),
)


def _power(a: int, b: int) -> int:
    if b >= 0:
        return a**b
    return {1: 1, -1: -1 if b % 2 else 1}.get(a, 0)


def _either(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """NaN where an operand is, which Python's and NumPy's comparisons would lose."""
    return lambda a, b: np.where(np.isnan(a) | np.isnan(b), np.nan, function(a, b))


FLOAT: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": np.divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "maximum": _either(lambda a, b: np.where(a > b, a, b)),
    "minimum": _either(lambda a, b: np.where(a < b, a, b)),
    "atan2": np.arctan2,
}
INTEGER: dict[str, Callable[[int, int], int]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "pow": _power,
    "maximum": max,
    "minimum": min,
    "bit_and": operator.and_,
    "bit_or": operator.or_,
    "bit_xor": operator.xor,
    "shl": operator.lshift,
    "shr": operator.rshift,
}
BOOL: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.or_,
    "mul": operator.and_,
    "maximum": operator.or_,
    "minimum": operator.and_,
    "bit_and": operator.and_,
    "bit_or": operator.or_,
    "bit_xor": operator.xor,
}
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
COMPLEX_OPS = ("add", "sub", "mul", "div", "pow", "eq", "ne")
SIGNED_ZEROS = ("add", "sub", "mul", "div", "atan2")
# IEEE 754 leaves no choice about these. Nor about div, but compilers know faster ones.
EXACT = ("add", "sub", "mul", "maximum", "minimum")
