"""`Box`: an array of `ArrayNamespaceBackend`, as dlf sees it: a place whose array is replaced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Box", "boxed", "boxed_step"]


class Box:
    """Holds an array of a library, which may be immutable."""

    __slots__ = ("array", "shape")

    def __init__(self, array: Any) -> None:
        self.array = array
        self.shape: tuple[int, ...] = tuple(array.shape)

    def __repr__(self) -> str:
        return f"<Box of {self.array!r}>"


def boxed(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """`kernel`, over arrays of a library, as one over boxes."""

    def call(*args: Any) -> Any:
        result = kernel(*[a.array if a.__class__ is Box else _opened(a) for a in args])
        if result.__class__ is tuple:
            return tuple([None if one is None else Box(one) for one in result])
        return Box(result)

    return call


def boxed_step(name: str, kernel: Callable[..., Any]) -> Callable[..., None]:
    """`kernel`, which gives the new arrays of the lists that the step op `name` changes."""
    changes: tuple[int, ...] | None = None

    def call(*args: Any) -> None:
        nonlocal changes
        if changes is None:
            from ..ops import step

            changes = getattr(step, name).changes
        changed = [args[at] for at in changes if args[at] is not None]
        for boxes, arrays in zip(changed, kernel(*map(_opened, args)), strict=True):
            for box, array in zip(boxes, arrays, strict=True):
                box.array = array

    return call


def _opened(value: Any) -> Any:
    """`value` with boxes, alone or in a tuple or list, replaced by their arrays."""
    if value.__class__ is Box:
        return value.array
    if value.__class__ in (tuple, list) and any(one.__class__ is Box for one in value):
        return value.__class__(_opened(one) for one in value)
    return value
