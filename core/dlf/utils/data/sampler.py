"""Samplers: the order in which a dataset's indices are visited."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

import dlf

__all__ = [
    "BatchSampler",
    "DistributedSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

T = TypeVar("T", covariant=True)


class Sampler(Generic[T]):
    """Base of the samplers: a subclass defines ``__iter__`` over indices (or lists of them) and may
    define ``__len__``."""

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, 2 and so on, to the end of `data_source`."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """All indices of `data_source` in random order.

    Args:
        data_source: with a length.
        replacement: draw each index from all. Default: False.
        num_samples: how many to draw; without replacement, further permutations follow. Default:
            the length.
        generator: random numbers. Default: the global ones.

    Raises:
        TypeError, ValueError: `replacement` is no bool, or `num_samples` no positive int.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Any = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = _flag("replacement", replacement)
        self._num_samples = num_samples
        self.generator = generator
        if num_samples is not None:
            _positive("num_samples", num_samples)

    @property
    def num_samples(self) -> int:
        """How many indices an iteration gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n, left = len(self.data_source), self.num_samples
        while left > 0 and n > 0:
            if self.replacement:
                size = min(left, 4096)
                order = dlf.randint(
                    0, n, (size,), dtype=dlf.int64, generator=self.generator
                ).tolist()
            else:
                order = dlf.randperm(n, generator=self.generator).tolist()[:left]
            yield from order
            left -= len(order)

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given `indices` in random order."""

    def __init__(self, indices: Sequence[int], generator: Any = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in dlf.randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with probabilities proportional to `weights`.

    Args:
        weights: one a sample, not negative; they need not add up to one.
        num_samples: how many to draw.
        replacement: draw each from all. Default: True.
        generator: random numbers. Default: the global ones.

    Raises:
        ValueError: `num_samples` is no positive int, or `weights` are not one-dimensional.
        RuntimeError: at iteration, fewer positive weights than samples to draw without replacement.
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Any = None,
    ) -> None:
        self.num_samples = _positive("num_samples", num_samples)
        self.replacement = _flag("replacement", replacement)
        self.weights = dlf.as_tensor(weights, dtype=dlf.float64)
        if self.weights.ndim != 1:
            raise ValueError(
                "weights should be a 1d sequence but given weights have shape "
                f"{tuple(self.weights.shape)}"
            )
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        weights = np.asarray(self.weights.tolist())
        if not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
            raise RuntimeError("weights must be finite, not negative, and not all zero")
        size = self.num_samples if self.replacement else len(weights)
        uniform = np.asarray(dlf.rand(size, dtype=dlf.float64, generator=self.generator).tolist())
        if self.replacement:
            bounds = np.cumsum(weights)
            order = np.searchsorted(bounds, uniform * bounds[-1], side="right")
        else:
            # The smallest of exponential times with these rates (Efraimidis and Spirakis, 2006).
            positive = np.flatnonzero(weights)
            if len(positive) < self.num_samples:
                raise RuntimeError(
                    f"cannot draw {self.num_samples} samples without replacement from "
                    f"{len(positive)} with a positive weight"
                )
            times = -np.log1p(-uniform[positive]) / weights[positive]
            order = positive[np.argsort(times, kind="stable")[: self.num_samples]]
        return iter(order.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` indices of `sampler`; the last may be shorter, or is left out with
    `drop_last`.

    Raises:
        ValueError: `batch_size` is no positive int, or `drop_last` no bool.
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(
                f"batch_size should be a positive integer value, but got batch_size={batch_size}"
            )
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]  # sized, by contract
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


class DistributedSampler(Sampler[int]):
    """The share of one of several processes in a dataset: every `num_replicas`-th index from `rank`
    on.

    Args:
        dataset: with a length.
        num_replicas: number of processes.
        rank: number of this process, from 0.
        shuffle: visit in an order that depends on `seed` and on the epoch of `set_epoch`. Default:
            True.
        seed: the same in all processes. Default: 0.
        drop_last: leave out the tail where the length is no multiple; else the first indices are
            repeated.

    Raises:
        RuntimeError: `num_replicas` or `rank` is left out.
        ValueError: `rank` is not within `num_replicas`.
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise RuntimeError(
                "DistributedSampler needs num_replicas (number of processes) and rank (of this one)"
            )
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        n = len(dataset)
        self.num_samples = n // num_replicas if drop_last else math.ceil(n / num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        indices = list(range(n))
        if self.shuffle:
            generator = dlf.Generator()
            generator.manual_seed(self.seed + self.epoch)
            indices = dlf.randperm(n, generator=generator).tolist()
        if n and self.total_size > n:
            indices = (indices * -(-self.total_size // n))[: self.total_size]
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next iteration; call it in all processes before each epoch."""
        self.epoch = epoch


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} should be a boolean value, but got {name}={value}")
    return value


def _positive(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}")
    return value
