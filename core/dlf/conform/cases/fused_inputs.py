"""The arguments of fused ops as descriptions, from which a case makes its arrays.

A sample is a tuple of an op's arguments in which arrays are described by `Real`, `Whole`, `Mask`,
`Values` or `Derived`; everything else is passed as it is. A step op's lists hold descriptions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from ...dtypes import dtype_named
from ..reference import decomposed

__all__ = [
    "Derived",
    "Mask",
    "Real",
    "Sample",
    "Values",
    "Whole",
    "arguments",
    "out_of",
    "real",
]

Array = npt.NDArray[Any]
Sample = tuple[Any, ...]


@dataclass(frozen=True)
class Real:
    """Numbers of the case's dtype, evenly spread from `low` to `high` in random order."""

    shape: tuple[int, ...]
    low: float = -2.0
    high: float = 2.0

    def make(self, rng: np.random.Generator, dtype: np.dtype[Any], made: Sequence[Any]) -> Array:
        count = prod(self.shape)
        spread = self.low + (self.high - self.low) * (np.arange(count) + 0.53) / max(count, 1)
        return _as(rng.permutation(spread).reshape(self.shape), dtype)


def real(*shape: int, low: float = -2.0, high: float = 2.0) -> Real:
    """`Real`, written shorter."""
    return Real(shape, low, high)


@dataclass(frozen=True)
class Whole:
    """int64 numbers from 0 to `below` - 1."""

    shape: tuple[int, ...]
    below: int

    def make(self, rng: np.random.Generator, dtype: np.dtype[Any], made: Sequence[Any]) -> Array:
        return rng.integers(0, self.below, self.shape)


@dataclass(frozen=True)
class Mask:
    """Bools, about two thirds of them True."""

    shape: tuple[int, ...]

    def make(self, rng: np.random.Generator, dtype: np.dtype[Any], made: Sequence[Any]) -> Array:
        return np.asarray(rng.random(self.shape) < 0.66)


@dataclass(frozen=True)
class Values:
    """These numbers, in the case's dtype unless they are integers or bools."""

    values: Any

    def make(self, rng: np.random.Generator, dtype: np.dtype[Any], made: Sequence[Any]) -> Array:
        host = np.asarray(self.values)
        return _as(host, dtype) if host.dtype.kind == "f" else host


@dataclass(frozen=True)
class Derived:
    """What `of` gives of the arguments before it: a result of the forward op, for a backward one.

    `of` gets those arguments in float64, as they were rounded to the case's dtype. With
    `sums` the result is in the dtype that sums are taken in: float32 for the two 16-bit ones.
    """

    of: Callable[..., Array]
    sums: bool = False

    def make(self, rng: np.random.Generator, dtype: np.dtype[Any], made: Sequence[Any]) -> Array:
        host = self.of(*(_wide(x) for x in made))
        if self.sums and dtype.itemsize == 2:
            dtype = np.dtype(np.float32)
        return _as(host, dtype) if host.dtype.kind == "f" else host


def arguments(sample: Sample, rng: np.random.Generator, dtype: str) -> list[Any]:
    """The arguments that `sample` describes, floating-point arrays in `dtype`."""
    numpy = dtype_named(dtype).numpy
    made: list[Any] = []

    def one(x: Any) -> Any:
        if isinstance(x, (list, tuple)) and any(hasattr(y, "make") for y in x):
            return type(x)(one(y) for y in x)
        return x.make(rng, numpy, made) if hasattr(x, "make") else x

    for x in sample:
        made.append(one(x))
    return made


def out_of(op: str, *args: Any, at: int = 0) -> Array:
    """Output number `at` of `op`'s decomposition on host arrays."""
    result = decomposed(op, *args)
    found: Array = result[at] if isinstance(result, tuple) else result
    return found


def _as(host: Array, dtype: np.dtype[Any]) -> Array:
    with np.errstate(all="ignore"):
        return host.astype(dtype)


def _wide(x: Any) -> Any:
    if isinstance(x, np.ndarray) and x.dtype.kind not in "biuc":
        return x.astype(np.float64)
    return x
