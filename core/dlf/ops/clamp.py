"""`clamp` and its one-sided forms."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..registry import composite
from ..tensor import Tensor
from .binary import maximum, minimum
from .where import where


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """`input` limited to [min, max]; either bound may be a number, a tensor or None."""
    if min is None and max is None:
        raise RuntimeError("clamp: at least one of 'min' or 'max' must not be None")
    if not isinstance(min, Tensor) and not isinstance(max, Tensor):
        if dtypes.promote([v for v in (input, min, max) if v is not None]) is not input.dtype:
            input = input.to(dtypes.promote([v for v in (input, min, max) if v is not None]))
        return _clamp(input, min, max)
    if min is not None:
        input = maximum(input, min)
    return input if max is None else minimum(input, max)


def _inside(g: Tensor, input: Tensor, low: Any, high: Any) -> Tensor:
    inside = None if low is None else input >= low
    if high is not None:
        inside = input <= high if inside is None else inside & (input <= high)
    return where(inside, g, 0.0)  # type: ignore[arg-type]


@composite(inputs=1, vjp=lambda g, input, low, high: _inside(g, input, low, high), name="clamp")
def _clamp(input: Tensor, low: Any, high: Any) -> Tensor:
    """`input` limited to [low, high], which are numbers or None."""
    if low is not None:
        input = maximum(input, low)
    return input if high is None else minimum(input, high)


def clamp_min(input: Tensor, min: Any) -> Tensor:
    """`input`, at least `min`."""
    return clamp(input, min=min)


def clamp_max(input: Tensor, max: Any) -> Tensor:
    """`input`, at most `max`."""
    return clamp(input, max=max)
