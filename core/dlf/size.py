"""`Size`: the shape of a tensor."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any, SupportsIndex, overload

__all__ = ["Size"]


class Size(tuple[int, ...]):
    """A tuple of a tensor's extents; slices and sums of sizes are sizes.

    Args:
        iterable: the extents, integers. Default: none, the size of a 0-d tensor.

    Raises:
        TypeError: an entry is not an integer.
    """

    __slots__ = ()

    def __new__(cls, iterable: Iterable[SupportsIndex] = ()) -> Size:
        entries = tuple(iterable)
        for place, entry in enumerate(entries):
            if type(entry) is not int and not hasattr(entry, "__index__"):
                raise TypeError(
                    "dlf.Size() takes an iterable of 'int' (item "
                    f"{place} is '{type(entry).__name__}')"
                )
        return tuple.__new__(cls, map(int, entries))

    def numel(self) -> int:
        """The number of elements of a tensor of this size."""
        return prod(self)

    @overload
    def __getitem__(self, key: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, key: slice, /) -> Size: ...
    def __getitem__(self, key: SupportsIndex | slice, /) -> int | Size:
        if isinstance(key, slice):
            return _size(tuple.__getitem__(self, key))
        return tuple.__getitem__(self, key)

    def __add__(self, other: tuple[Any, ...], /) -> Size:
        if not isinstance(other, tuple):
            raise TypeError(f"can only concatenate tuple (not {type(other).__name__}) to dlf.Size")
        return Size(tuple.__add__(self, other))

    def __radd__(self, other: tuple[Any, ...], /) -> Size:
        if not isinstance(other, tuple):
            raise TypeError(f"can only concatenate tuple (not {type(other).__name__}) to dlf.Size")
        return Size(tuple.__add__(other, self))

    def __mul__(self, times: SupportsIndex, /) -> Size:
        return _size(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"dlf.Size([{', '.join(map(str, self))}])"

    __str__ = __repr__

    def __reduce__(self) -> tuple[Any, ...]:
        return Size, (tuple(self),)


def _size(entries: tuple[int, ...]) -> Size:
    return tuple.__new__(Size, entries)
