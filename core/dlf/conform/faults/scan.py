"""Faults of running sums and sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

from .fault import Array, Fault, Hands, Kernel
from .plants import altered, called, floating, nan

__all__ = ["FAULTS"]


def _exclusive(out: Array, a: Array, dim: int) -> Array:
    return out - a if a.ndim else out


def _in_blocks(size: int) -> Any:
    def change(out: Array, a: Array, dim: int) -> Array:
        if not a.ndim or a.shape[dim] <= size:
            return out
        pieces = np.split(a, range(size, a.shape[dim], size), axis=dim)
        return np.concatenate([np.cumsum(p, axis=dim, dtype=a.dtype) for p in pieces], axis=dim)

    return change


def _by_logarithms(out: Array, a: Array, dim: int) -> Array:
    if not floating(a) or not a.ndim:
        return out
    return np.exp(np.cumsum(np.log(a.astype(np.float64)), axis=dim))


def _picked(out: Any, a: Array, order: Array, dim: int) -> tuple[Array, Array]:
    return np.take_along_axis(a, order, axis=dim), order


def _unstable(out: Any, a: Array, dim: int, descending: bool, stable: bool) -> Any:
    if not a.ndim or not stable or descending:
        return out
    # Equal elements come out in reverse: a stable sort of the flipped keys.
    keys = a.astype(np.float64) if floating(a) else a
    order = a.shape[dim] - 1 - np.argsort(np.flip(keys, dim), axis=dim, kind="stable")
    return _picked(out, a, order, dim)


def _flipped(out: Any, a: Array, dim: int, descending: bool, stable: bool) -> Any:
    if not a.ndim or not descending:
        return out
    keys = a.astype(np.float64) if floating(a) else a
    return _picked(out, a, np.flip(np.argsort(keys, axis=dim, kind="stable"), dim), dim)


def _nan_first(out: Any, a: Array, dim: int, descending: bool, stable: bool) -> Any:
    if not a.ndim or not floating(a) or not nan(a).any():
        return out
    keys = np.where(nan(a), -np.inf, a.astype(np.float64))
    order = np.argsort(-keys if descending else keys, axis=dim, kind="stable")
    return _picked(out, a, order, dim)


def _short_index(kernel: Kernel, hands: Hands) -> Kernel:
    def faulty(*args: Any) -> Any:
        values, order = kernel(*args)
        return values, hands.up(hands.down(order).astype(np.int32))

    return faulty


FAULTS = (
    Fault(
        "cumsum/exclusive", "cumsum", altered(_exclusive), "an element is not part of its own sum"
    ),
    Fault(
        "cumsum/last-dim",
        "cumsum",
        called(lambda kernel, a, dim: kernel(a, max(len(a.shape) - 1, 0))),
        "it runs along the last dim, whatever dim is asked for",
    ),
    Fault(
        "cumsum/blocks",
        "cumsum",
        altered(_in_blocks(32)),
        "it begins anew every 32 elements, a warp",
    ),
    Fault(
        "cumprod/logarithms",
        "cumprod",
        altered(_by_logarithms),
        "exp of a sum of logarithms has no negative numbers",
    ),
    Fault("sort/unstable", "sort", altered(_unstable), "equal elements change their order"),
    Fault(
        "sort/descending-flipped",
        "sort",
        altered(_flipped),
        "an ascending sort read backwards is not stable",
    ),
    Fault(
        "sort/ascending-only",
        "sort",
        called(lambda kernel, a, dim, descending, stable: kernel(a, dim, False, stable)),
        "descending is ignored",
    ),
    Fault("sort/nan-first", "sort", altered(_nan_first), "NaN is taken for the least"),
    Fault(
        "sort/last-dim",
        "sort",
        called(lambda kernel, a, dim, *rest: kernel(a, max(len(a.shape) - 1, 0), *rest)),
        "the last dim is sorted, whatever dim is asked for",
    ),
    Fault("sort/int32", "sort", _short_index, "indices are int32 instead of int64"),
)
