"""Checks and small steps that the functions of this package share."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dlf.amp.switch import switch

if TYPE_CHECKING:
    from dlf.tensor import Tensor

Ints = tuple[int, ...]


def tuple_of(value: int | Sequence[int], count: int, name: str) -> Ints:
    """`value` as `count` ints: one int is repeated; RuntimeError for another number of them."""
    if isinstance(value, int):
        return (value,) * count
    values = tuple(int(v) for v in value)
    if len(values) == 1:
        return values * count
    if len(values) != count:
        raise RuntimeError(f"{name} must be one int or {count} ints, got {list(values)}")
    return values


def floating(input: Tensor, name: str) -> None:
    """NotImplementedError (a RuntimeError, as PyTorch's) if `input` is not of a floating dtype."""
    if not (input.dtype.is_floating_point or input.dtype.is_complex):
        raise NotImplementedError(
            f"{name}: expected a floating-point input, got {input.dtype}; convert it with .float()"
        )


def same_dtype(name: str, **tensors: Tensor | None) -> None:
    """RuntimeError if the tensors given do not share one dtype."""
    kinds = {label: t.dtype for label, t in tensors.items() if t is not None}
    if len(set(kinds.values())) > 1:
        first = next(t for t in tensors.values() if t is not None)
        if switch.on and switch.settles(name, first):
            return
        given = ", ".join(f"{label} {kind}" for label, kind in kinds.items())
        raise RuntimeError(f"{name}: expected all tensors to have the same dtype, got {given}")


def in_place(function: Callable[..., Any], input: Tensor, *args: Any) -> Tensor:
    """Write ``function(input, *args)`` into `input`, and give that."""
    # Of a copy, since the gradient may need the value that is overwritten.
    result = function(input.clone(), *args)
    written: Tensor = input.copy_(result)
    return written


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that PyTorch's two deprecated flags stand for."""
    if size_average is None and reduce is None:
        return reduction
    average = size_average is None or size_average
    word = "none" if reduce is False else "mean" if average else "sum"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{word}' instead.",
        stacklevel=3,
    )
    return word
