"""How a library writes into an array: by assignment, by `.at`, or by its pure functions.

Each way is a function that gives a new array. `writers` finds by trying which a library has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dlf import dtypes
from dlf.xp import places

if TYPE_CHECKING:
    from dlf.xp.namespace import Library

__all__ = ["writers"]

Array = Any
Write = Callable[[Array, tuple[Any, ...], Array], Array]


_BY_CHOICE = ("take", "where", "broadcast_to")
_BY_SORTING = ("take", "where", "broadcast_to", "argsort", "searchsorted")


def writers(
    lib: Library,
) -> tuple[tuple[Write, Write, Write], dict[Callable[..., Any], tuple[str, ...]]]:
    """`set_slices`, `put` and `put_add`, and the functions that composed ones call.

    See `Library`.
    """

    def assigned(a: Array, index: tuple[Any, ...], src: Array) -> Array:
        out = lib.copy(a)
        out[index] = src
        return out

    def accumulated(a: Array, index: tuple[Any, ...], src: Array) -> Array:
        out = lib.copy(a)
        lib.xp.add.at(out, index, src)
        return out

    def at_set(a: Array, index: tuple[Any, ...], src: Array) -> Array:
        return a.at[index].set(src)

    def at_add(a: Array, index: tuple[Any, ...], src: Array) -> Array:
        return a.at[index].add(src)

    def slices_by_choice(a: Array, index: tuple[Any, ...], src: Array) -> Array:
        return places.set_slices(lib, a, index, src)

    def put_sorted(a: Array, index: tuple[Any, ...], src: Array) -> Array:
        return places.write(lib, a, index, src, add=False)

    def add_sorted(a: Array, index: tuple[Any, ...], src: Array) -> Array:
        return places.write(lib, a, index, src, add=True)

    composed: dict[Callable[..., Any], tuple[str, ...]] = {
        slices_by_choice: _BY_CHOICE,
        put_sorted: _BY_SORTING,
        add_sorted: (*_BY_SORTING, "any", "concat"),
    }
    a, src = lib.zeros((2, 3)), lib.zeros((2, 2)) + 1.0
    if dtypes.int64 not in lib.native:  # Nothing to look up with.
        return (slices_by_choice, put_sorted, add_sorted), composed
    place = lib.range(2, a)
    rows, twice = lib.reshape(place, (2, 1)), lib.reshape(place * 0, (1, 2))
    part, whole = (slice(0, 2), slice(0, 2)), slice(None)

    def finds(write: Write, index: tuple[Any, ...], total: float) -> bool:
        try:
            return float(lib.xp.sum(write(a, index, src))) == total
        except Exception:
            return False

    def first(writes: tuple[Write, Write, Write], *trials: tuple[tuple[Any, ...], float]) -> Write:
        return next((w for w in writes[:2] if all(finds(w, *t) for t in trials)), writes[2])

    found = (
        first((assigned, at_set, slices_by_choice), (part, 4.0)),
        first((assigned, at_set, put_sorted), ((rows, twice), 2.0), ((whole, place), 4.0)),
        first((accumulated, at_add, add_sorted), ((rows, twice), 4.0), ((whole, place), 4.0)),
    )
    return found, composed
