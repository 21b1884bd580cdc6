"""Faults of the group ``random``: places, ranges, distributions, and dropout's mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .fault import Array, Fault, Hands, Kernel, Plant
from .plants import altered, called

__all__ = ["FAULTS"]

_NEEDS = "random numbers"
_OPS = ("random_uniform", "random_normal", "random_integers")


def _at(change: Callable[[int, int], tuple[int, int]]) -> Plant:
    """The kernel at another seed and offset than it is given; they stand before the index."""
    return called(lambda kernel, *args: kernel(*args[:-3], *change(args[-3], args[-2]), args[-1]))


def _flat(change: Callable[[Array], Array]) -> Plant:
    """`change` of the right numbers, laid out in one dimension."""
    return altered(lambda out, *args: np.asarray(change(out.ravel().copy())).reshape(out.shape))


def _fourth(x: Array) -> Array:
    x[3::4] = x[2::4][: x[3::4].size]
    return x


def _pairs(x: Array) -> Array:
    x[1::2] = x[::2][: x[1::2].size]
    return x


def _rounded_up(x: Array) -> Array:
    return np.where(x.astype(np.float64) > 1 - 2.0**-10, 1, x.astype(np.float64))


def _coarse(x: Array) -> Array:
    return np.floor(x.astype(np.float64) * 2**10) / 2**10


def _modulo(kernel: Kernel, hands: Hands) -> Kernel:
    """Eight random bits modulo the range, as rand() % n."""

    def faulty(
        shape: Any, low: int, high: int, dtype: Any, seed: int, offset: int, index: int
    ) -> Any:
        if high - low > 128:
            return kernel(shape, low, high, dtype, seed, offset, index)
        from ... import dtypes

        bits = hands.down(kernel(shape, 0, 256, dtypes.int64, seed, offset, index))
        return hands.up(np.asarray(low + bits % (high - low)).astype(dtype.numpy))

    return faulty


def _halved(kernel: Kernel, *args: Any) -> Any:
    """Only the low 32 bits of a wide range."""
    shape, low, high, *rest = args
    return kernel(shape, low, min(high, low + 2**32), *rest)


_PLACES = (
    Fault(
        "{op}/offset",
        "{op}",
        _at(lambda seed, offset: (seed, 0)),
        "the offset is not used: every draw gives the same numbers",
        needs=_NEEDS,
    ),
    Fault(
        "{op}/seed",
        "{op}",
        _at(lambda seed, offset: (0, offset)),
        "the seed is not used",
        needs=_NEEDS,
    ),
    Fault(
        "{op}/short-seed",
        "{op}",
        _at(lambda seed, offset: (seed % 2**32, offset)),
        "the seed is cut to 32 bits",
        needs=_NEEDS,
    ),
    Fault(
        "{op}/short-offset",
        "{op}",
        _at(lambda seed, offset: (seed, offset % 2**32)),
        "the offset is cut to 32 bits: after so many draws the numbers come again",
        needs=_NEEDS,
    ),
    Fault(
        "{op}/overlap",
        "{op}",
        _at(lambda seed, offset: (seed, offset // 2)),
        "the offset counts steps of two numbers: draws share half of theirs",
        needs=_NEEDS,
    ),
    Fault(
        "{op}/fourth",
        "{op}",
        _flat(_fourth),
        "every fourth number is the third again",
        needs=_NEEDS,
    ),
)

_OF_ONE = (
    Fault(
        "random_uniform/one",
        "random_uniform",
        _flat(_rounded_up),
        "a number just below 1 is rounded to 1",
        needs=_NEEDS,
    ),
    Fault(
        "random_uniform/coarse",
        "random_uniform",
        _flat(_coarse),
        "numbers of float32 have 10 bits, as those of float16",
        needs=_NEEDS,
    ),
    Fault(
        "random_normal/pairs",
        "random_normal",
        _flat(_pairs),
        "both numbers of a pair are made with the cosine",
        needs=_NEEDS,
    ),
    Fault(
        "random_normal/variance",
        "random_normal",
        _flat(lambda x: x.astype(np.float64) * 0.5**0.5),
        "the factor 2 in sqrt(-2 * log(u)) is missing",
        needs=_NEEDS,
    ),
    Fault(
        "random_normal/tails",
        "random_normal",
        _flat(lambda x: np.clip(x.astype(np.float64), -3, 3)),
        "no number is beyond three deviations",
        needs=_NEEDS,
    ),
    Fault(
        "random_integers/end",
        "random_integers",
        altered(lambda out, shape, low, high, *_: np.where(out == low, high, out)),
        "the upper end is reached",
        needs=_NEEDS,
    ),
    Fault(
        "random_integers/modulo",
        "random_integers",
        _modulo,
        "few random bits modulo the range: small values come more often",
        needs=_NEEDS,
    ),
    Fault(
        "random_integers/narrow",
        "random_integers",
        called(_halved),
        "ranges beyond 32 bits get 32 bits",
        needs=_NEEDS,
    ),
    Fault(
        "dropout/inverted",
        "dropout",
        altered(lambda pair, *_: (pair[0], ~pair[1])),
        "the mask says what was dropped, and the gradient goes there",
        groups=("system",),
        needs=_NEEDS,
    ),
    Fault(
        "dropout/no-scale",
        "dropout",
        altered(lambda pair, x, p, *_: (pair[0].astype(np.float64) * (1 - p), pair[1])),
        "what is kept is not scaled",
        groups=("system",),
        needs=_NEEDS,
    ),
    Fault(
        "dropout/share",
        "dropout",
        called(lambda kernel, x, p, *place: kernel(x, 1 - p, *place)),
        "p is taken for the share that is kept",
        groups=("system",),
        needs=_NEEDS,
    ),
    Fault(
        "dropout/one-mask",
        "dropout",
        called(lambda kernel, x, p, seed, offset: kernel(x, p, seed, 0)),
        "every call drops the same elements",
        groups=("system",),
        needs=_NEEDS,
    ),
    Fault(
        "dropout/other-mask",
        "dropout",
        altered(lambda pair, *_: (pair[0], np.roll(pair[1], 1))),
        "the mask of the gradient is drawn anew",
        groups=("system",),
        needs=_NEEDS,
    ),
)


def _named(fault: Fault, op: str) -> Fault:
    return replace(fault, name=fault.name.format(op=op), op=op)


FAULTS = (*(_named(fault, op) for op in _OPS for fault in _PLACES), *_OF_ONE)
