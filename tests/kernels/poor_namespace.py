"""An array namespace with less than the standard has, and the manners of some real libraries.

Over `array_api_strict`: places are uint32, sums take no dtype, sorting takes no keyword and does
not keep equals in their order, empty arrays are refused where there is something to add, find or
move, and quotients are rounded before they are rounded down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import array_api_strict as strict

__all__ = ["PoorNamespace", "RecordedNamespace"]

Array = Any

_REFUSE_EMPTY = ("any", "all", "max", "min", "sort", "take", "take_along_axis", "matmul")


class PoorNamespace:
    """Instances are the namespace; functions are looked up as attributes.

    Args:
        lacking: further functions that it does not have.
    """

    def __init__(self, *lacking: str) -> None:
        self.lacking = {"nonzero", *lacking}

    def __getattribute__(self, name: str) -> Any:
        if name != "lacking" and name in self.lacking:
            raise AttributeError(name)
        return super().__getattribute__(name)

    def __getattr__(self, name: str) -> Any:
        if name in self.lacking:
            raise AttributeError(name)
        function = getattr(strict, name)
        return _refusing(function) if name in _REFUSE_EMPTY else function

    @staticmethod
    def full(shape: Any, value: Any, *, dtype: Any = None) -> Array:
        """The number's kind decides."""
        if dtype == strict.bool and type(value) is not bool:
            dtype = strict.int32
        return strict.full(shape, value, dtype=dtype)

    @staticmethod
    def floor_divide(a: Array, b: Array) -> Array:
        dtype = (a if hasattr(a, "dtype") else b).dtype
        if strict.isdtype(dtype, "real floating"):
            return strict.floor(strict.divide(a, b))
        return strict.floor_divide(a, b)

    def sum(self, a: Array, *, axis: Any = None, keepdims: bool = False) -> Array:
        return self._total(strict.sum, a, axis=axis, keepdims=keepdims)

    def prod(self, a: Array, *, axis: Any = None, keepdims: bool = False) -> Array:
        return self._total(strict.prod, a, axis=axis, keepdims=keepdims)

    def cumulative_sum(self, a: Array, *, axis: int) -> Array:
        return self._total(strict.cumulative_sum, a, axis=axis)

    @staticmethod
    def _total(function: Callable[..., Array], a: Array, **how: Any) -> Array:
        _refuse(a)
        if a.dtype == strict.uint8:
            return function(a, dtype=strict.uint32, **how)
        return function(a, **how)

    @staticmethod
    def argmax(a: Array, *, axis: int, keepdims: bool = False) -> Array:
        _refuse(a)
        return strict.astype(strict.argmax(a, axis=axis, keepdims=keepdims), strict.uint32)

    @staticmethod
    def argmin(a: Array, *, axis: int, keepdims: bool = False) -> Array:
        _refuse(a)
        return strict.astype(strict.argmin(a, axis=axis, keepdims=keepdims), strict.uint32)

    @staticmethod
    def argsort(a: Array, *, axis: int) -> Array:
        _refuse(a)
        order = a.shape[axis] - 1 - strict.argsort(strict.flip(a, axis=axis), axis=axis)
        return strict.astype(order, strict.uint32)


class RecordedNamespace:
    """A namespace that notes its calls: of each function, with how much by position, and keywords.

    Args:
        xp: the namespace that is called.
    """

    def __init__(self, xp: Any) -> None:
        self.xp = xp
        self.calls: set[tuple[str, int, tuple[str, ...]]] = set()

    def __getattr__(self, name: str) -> Any:
        function = getattr(self.xp, name)
        if not callable(function) or isinstance(function, type):
            return function

        def call(*args: Any, **how: Any) -> Any:
            self.calls.add((name, len(args), tuple(how)))
            return function(*args, **how)

        return call


def _refuse(a: Array) -> None:
    if 0 in a.shape:
        raise ValueError("an empty array")


def _refusing(function: Callable[..., Array]) -> Callable[..., Array]:
    def call(*args: Array, **how: Any) -> Array:
        for a in args:
            _refuse(a)
        return function(*args, **how)

    return call
