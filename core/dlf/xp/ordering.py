"""The order that sorts an array, by what the namespace's `argsort` takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dlf import dtypes
from dlf.xp.trials import works

if TYPE_CHECKING:
    from dlf.xp.namespace import Library

__all__ = ["sorters"]

Array = Any
Order = Callable[[Array, int], Array]

_TIES = 5000


def sorters(lib: Library) -> tuple[Order, Order, tuple[str, ...]]:
    """`argsort` and `stable_argsort` for `lib`, and what else the second calls; see `Library`."""
    argsort = lib["argsort"]

    def plain(a: Array, axis: int) -> Array:
        return argsort(a, axis=axis)

    def by_keyword(a: Array, axis: int) -> Array:
        return argsort(a, axis=axis, stable=True)

    def by_kind(a: Array, axis: int) -> Array:
        return argsort(a, axis=axis, kind="stable")

    def twice(a: Array, axis: int) -> Array:
        return _repaired(lib, a, lib.astype(plain(a, axis), dtypes.int64), axis)

    sample = lib.zeros((1,))
    for order in (by_keyword, by_kind):
        if works(lambda: order(sample, 0)):  # noqa: B023 # called now
            return plain, order, ()
    if works(lambda: _keeps_ties(lib, plain)):
        return plain, plain, ()
    return plain, twice, ("concat", "cumulative_sum", "take_along_axis")


def _keeps_ties(lib: Library, order: Order) -> bool:
    """Whether many equals stay in their order without a keyword that asks for it."""
    places = lib.range(_TIES, lib.zeros((1,)))
    ties = places % 3
    found = lib.astype(order(ties, 0), dtypes.int64)
    keys = lib.xp.take(ties, found, axis=0) * _TIES + found
    return bool(lib.xp.all(keys[1:] > keys[:-1]))


def _repaired(lib: Library, a: Array, order: Array, axis: int) -> Array:
    """`order`, which sorts `a`, with equals in their order: groups of equals, then places."""
    xp, n, before = lib.xp, a.shape[axis], (slice(None),) * axis
    ordered = xp.take_along_axis(a, order, axis=axis)
    left, right = ordered[(*before, slice(0, n - 1), ...)], ordered[(*before, slice(1, n), ...)]
    unlike = (left != right) & ((left == left) | (right == right))
    steps = lib.astype(unlike, dtypes.int64)
    groups = lib["concat"]((order[(*before, slice(0, 1), ...)] * 0, steps), axis=axis)
    keys = lib.astype(lib["cumulative_sum"](groups, axis=axis), dtypes.int64) * n + order
    again = lib.astype(lib["argsort"](keys, axis=axis), dtypes.int64)
    return xp.take_along_axis(order, again, axis=axis)
