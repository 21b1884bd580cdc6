"""Datasets: what can be indexed, or iterated over, for samples."""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

import dlf
from dlf.tensor import Tensor

__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "StackDataset",
    "Subset",
    "TensorDataset",
    "batch_reader",
    "random_split",
]

T = TypeVar("T", covariant=True)


class Dataset(Generic[T]):
    """Samples by index: a subclass defines ``__getitem__`` and, for most samplers, ``__len__``.

    Two optional methods make loading faster. ``__getitems__(indices)`` gives a list of samples. And
    ``take_batch(indices)`` gives a whole batch, equal to ``default_collate`` of the samples; it is
    used where the loader collates by default.
    """

    def __getitem__(self, index: Any) -> T:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T]):
    """Samples in a stream: a subclass defines ``__iter__``.

    With several workers, each calls ``iter`` on the same object; ``__iter__`` must give a new
    iterator each time, and may take its share of the data by `get_worker_info`.
    """

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")

    def __add__(self, other: Dataset[Any]) -> Any:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """The rows of tensors with the same first dimension: ``dataset[i] == (a[i], b[i], ...)``.

    Args:
        tensors: at least one; each of shape (N, ...).

    A `DataLoader` with the default collation takes each batch by one indexing op a tensor.
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        sizes = [t.size(0) for t in tensors]
        if any(size != sizes[0] for size in sizes):
            raise AssertionError(
                f"Size mismatch between tensors: their first dimensions are {sizes}"
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].size(0)

    def take_batch(self, indices: Sequence[int]) -> list[Tensor]:
        """The rows at `indices` of each tensor."""
        n = len(self)
        wrapped = [i + n if i < 0 else i for i in indices]
        of_device: dict[Any, Tensor] = {}
        batch = []
        for t in self.tensors:
            index = of_device.get(t.device)
            if index is None:
                index = dlf.tensor(wrapped, dtype=dlf.int64, device=t.device)
                of_device[t.device] = index
            batch.append(t.index_select(0, index))
        return batch


class StackDataset(Dataset[Any]):
    """Samples of several datasets side by side: tuples of them, or dictionaries if given by name.

    Args:
        args, kwargs: datasets of equal length; by position or by name, not both.
    """

    def __init__(self, *args: Dataset[Any], **kwargs: Dataset[Any]) -> None:
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or ``dict``- (via ``kwargs``) like "
                "input/output"
            )
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed")
        self.datasets: tuple[Any, ...] | dict[str, Any] = args or kwargs
        lengths = [len(d) for d in (args or tuple(kwargs.values()))]  # type: ignore[arg-type]  # sized, by contract
        self._length = lengths[0]
        if any(n != lengths[0] for n in lengths):
            raise ValueError(f"Size mismatch between datasets: their lengths are {lengths}")

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: d[index] for name, d in self.datasets.items()}
        return tuple(d[index] for d in self.datasets)

    def __getitems__(self, indices: list[int]) -> list[Any]:
        """The samples at `indices`, by one call a dataset where it can give several at once."""
        if isinstance(self.datasets, dict):
            columns = [_several(d, indices) for d in self.datasets.values()]
            names = tuple(self.datasets)
            return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        return list(zip(*[_several(d, indices) for d in self.datasets], strict=True))

    def __len__(self) -> int:
        return self._length


def _several(dataset: Any, indices: list[int]) -> list[Any]:
    get = getattr(dataset, "__getitems__", None)
    if get is None:
        return [dataset[i] for i in indices]
    samples: list[Any] = get(indices)
    if len(samples) != len(indices):
        raise ValueError(
            f"Nested dataset's output size mismatch: {type(dataset).__name__}.__getitems__ gave "
            f"{len(samples)} samples for "
            f"{len(indices)} indices"
        )
    return samples


class ConcatDataset(Dataset[Any]):
    """The samples of one dataset after those of the other.

    Args:
        datasets: at least one, each with a length.
    """

    datasets: list[Any]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Dataset[Any]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(d, IterableDataset) for d in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset; use ChainDataset")
        self.cumulative_sizes = list(accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        if index < 0:
            if -index > len(self):
                raise ValueError("absolute value of index should not exceed dataset length")
            index += len(self)
        at = bisect_right(self.cumulative_sizes, index)
        if at == len(self.datasets):
            raise IndexError(f"index {index} is out of range for {len(self)} samples")
        return self.datasets[at][index - (self.cumulative_sizes[at - 1] if at else 0)]


class ChainDataset(IterableDataset[Any]):
    """The samples of one `IterableDataset` after those of the other.

    Args:
        datasets: iterable datasets.
    """

    def __init__(self, datasets: Iterable[Dataset[Any]]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")
            yield from dataset

    def __len__(self) -> int:
        sizes = [len(d) for d in self.datasets]  # type: ignore[arg-type]  # sized, by contract
        return sum(sizes)


class Subset(Dataset[T]):
    """The samples of `dataset` at `indices`."""

    def __init__(self, dataset: Dataset[T], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> T:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        """The samples at `indices`, by one call of the dataset where it can give several at
        once."""
        return _several(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


def batch_reader(dataset: Any) -> Callable[[Sequence[int]], Any] | None:
    """The function that reads a whole collated batch of `dataset`, None where samples must be read
    one by one.

    A ``take_batch`` counts only if it is not older than the class's ``__getitem__``: a subclass
    that changes samples alone goes the slow way.
    """
    for cls in type(dataset).__mro__:
        own = vars(cls)
        if cls is Subset:
            inner = batch_reader(dataset.dataset)
            if inner is None:
                return None
            chosen = dataset.indices
            return lambda indices: inner([chosen[i] for i in indices])
        if "take_batch" in own:
            return dataset.take_batch
        if "__getitem__" in own or "__getitems__" in own:
            return None
    return None


def random_split(
    dataset: Dataset[T], lengths: Sequence[int | float], generator: Any = None
) -> list[Subset[T]]:
    """Split a dataset at random into parts that do not overlap.

    Args:
        dataset: with a length.
        lengths: of the parts, with the dataset's as their sum; or shares of it, with 1 as their sum
            (what rounding leaves goes to the first parts, one each).
        generator: random numbers for the order. Default: the global one.

    Raises:
        ValueError: the lengths do not add up.
    """
    total = len(dataset)  # type: ignore[arg-type]  # sized, by contract
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        for i, share in enumerate(lengths):
            if share < 0 or share > 1:
                raise ValueError(f"Fraction at index {i} is not between 0 and 1")
        sizes = [math.floor(total * share) for share in lengths]
        for i in range(total - sum(sizes)):
            sizes[i % len(sizes)] += 1
        for i, size in enumerate(sizes):
            if size == 0:
                warnings.warn(
                    f"Length of split at index {i} is 0. This might result in an empty dataset.",
                    stacklevel=2,
                )
    else:
        sizes = list(lengths)  # type: ignore[arg-type]  # ints, or the sum below differs
    if sum(sizes) != total:
        raise ValueError(
            "Sum of input lengths does not equal the length of the input dataset! The lengths "
            f"{list(lengths)} add up to {sum(sizes)}, the dataset has {total} samples."
        )
    order = dlf.randperm(total, generator=generator).tolist()
    ends = list(accumulate(sizes))
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, ends, strict=True)]
