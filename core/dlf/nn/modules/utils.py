"""How layers read a size that may be one number for all dimensions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dlf.nn.parameter import Parameter

__all__ = ["Size1", "Size2", "Size3", "SizeAny", "new_parameter", "to_tuple"]

Size1 = int | tuple[int]
Size2 = int | tuple[int, int]
Size3 = int | tuple[int, int, int]
SizeAny = int | tuple[int, ...]


def to_tuple(value: Any, length: int) -> tuple[Any, ...]:
    """`value` as a tuple: as it is if it has several entries, else repeated `length` times."""
    return tuple(value) if isinstance(value, Iterable) else (value,) * length


def new_parameter(*shape: int, device: Any, dtype: Any) -> Parameter:
    """A parameter without values yet."""
    import dlf

    return Parameter(dlf.empty(shape, device=device, dtype=dtype))
