"""`Box`: an array of `ArrayNamespaceBackend`, as dlf sees it: a place whose array is replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..xp.namespace import UnknownDtypeError

__all__ = ["Box", "Closing", "boxed", "boxed_step"]

Kernel = Callable[..., Any]
Finish = Callable[[Any], Any]


class Box:
    """Holds an array of a library, which may be immutable."""

    __slots__ = ("array", "shape")

    def __init__(self, array: Any) -> None:
        self.array = array
        self.shape: tuple[int, ...] = tuple(array.shape)

    def __repr__(self) -> str:
        return f"<Box of {self.array!r}>"


class Closing:
    """What is done to each array of the library before it is stored.

    Args:
        known: the `dlf.dtype` of each of the library's dtypes.
        finish: the author's `ArrayNamespaceBackend.finish`, or None where it does nothing.
    """

    def __init__(self, known: Mapping[Any, Any], finish: Finish | None) -> None:
        self.known = known
        self.finish = finish

    def box(self, array: Any, source: str) -> Box:
        """`array`, of which `source` is the origin, in a box."""
        return Box(self(array, source))

    def __call__(self, array: Any, source: str) -> Any:
        """`array`, finished; TypeError if it has a dtype that dlf does not have."""
        if array.dtype not in self.known:
            raise TypeError(
                f"{source}: the library gave an array of {array.dtype}, which is not one of the "
                f"device's dtypes. Give the kernel in `overrides`, or repair the function of `xp`, "
                f"with the result cast to the dtype that docs/kernel-contract.md asks for"
            )
        return array if self.finish is None else self.finish(array)


def boxed(name: str, kernel: Kernel, close: Closing) -> Kernel:
    """`kernel`, over arrays of a library, as one over boxes."""
    known, finish = close.known, close.finish

    def call(*args: Any) -> Any:
        try:
            result = kernel(*[a.array if a.__class__ is Box else _opened(a) for a in args])
        except UnknownDtypeError as error:
            raise TypeError(f"{name}: {error}") from error
        if result.__class__ is tuple:
            return tuple([None if one is None else close.box(one, name) for one in result])
        if finish is None and result.dtype in known:
            return Box(result)
        return close.box(result, name)

    return call


def boxed_step(name: str, kernel: Kernel, close: Closing) -> Callable[..., None]:
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
                box.array = close(array, name)

    return call


def _opened(value: Any) -> Any:
    """`value` with boxes, alone or in a tuple or list, replaced by their arrays."""
    if value.__class__ is Box:
        return value.array
    if value.__class__ in (tuple, list) and any(one.__class__ is Box for one in value):
        return value.__class__(_opened(one) for one in value)
    return value
