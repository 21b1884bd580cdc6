"""Datasets, collation and splitting."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.utils.data as torch_data

import dlf
from dlf.utils import data


class Squares(data.Dataset[int]):
    """i squared, for i below n."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __getitem__(self, index: int) -> int:
        if not 0 <= index < self.n:
            raise IndexError(index)
        return index**2

    def __len__(self) -> int:
        return self.n


class Stream(data.IterableDataset[int]):
    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.n))

    def __len__(self) -> int:
        return self.n


def test_tensor_dataset() -> None:
    dataset = data.TensorDataset(dlf.arange(6).reshape(3, 2), dlf.arange(3))
    x, y = dataset[1]
    assert (len(dataset), x.tolist(), y.item()) == (3, [2, 3], 1)
    assert [b.tolist() for b in dataset.take_batch([2, -3])] == [[[4, 5], [0, 1]], [2, 0]]
    with pytest.raises(AssertionError, match="Size mismatch"):
        data.TensorDataset(dlf.ones(2), dlf.ones(3))


def test_concat_and_chain() -> None:
    joined = Squares(3) + Squares(2)
    assert [joined[i] for i in range(-5, 5)] == [0, 1, 4, 0, 1] * 2
    assert len(joined) == 5
    with pytest.raises(IndexError):
        joined[5]
    with pytest.raises(ValueError, match="absolute value"):
        joined[-6]
    with pytest.raises(AssertionError):
        data.ConcatDataset([])
    with pytest.raises(AssertionError):
        data.ConcatDataset([Stream(2)])
    chained = Stream(2) + Stream(3)
    assert list(chained) == [0, 1, 0, 1, 2]
    assert len(chained) == 5


def test_stack() -> None:
    assert data.StackDataset(Squares(3), Squares(3))[2] == (4, 4)
    named = data.StackDataset(a=Squares(3), b=data.Subset(Squares(9), [5, 6, 7]))
    assert named[1] == {"a": 1, "b": 36}
    assert named.__getitems__([0, 2]) == [{"a": 0, "b": 25}, {"a": 4, "b": 49}]
    for bad in (lambda: data.StackDataset(), lambda: data.StackDataset(Squares(1), Squares(2))):
        with pytest.raises(ValueError):
            bad()


def test_subset_and_split() -> None:
    subset = data.Subset(Squares(9), [8, 1])
    assert (len(subset), subset[0], subset.__getitems__([1, 0])) == (2, 64, [1, 64])
    generator = dlf.Generator()
    generator.manual_seed(3)
    parts = data.random_split(Squares(10), [0.5, 0.25, 0.25], generator)
    assert [len(p) for p in parts] == [
        len(p) for p in torch_data.random_split(list(range(10)), [0.5, 0.25, 0.25])
    ]
    assert sorted(i for p in parts for i in p.indices) == list(range(10))
    generator.manual_seed(3)
    again = data.random_split(Squares(10), [6, 2, 2], generator)
    assert [p.indices for p in again] == [p.indices for p in parts]
    with pytest.raises(ValueError, match="Sum of input lengths"):
        data.random_split(Squares(10), [5, 3])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        data.random_split(Squares(1), [0.9, 0.1])


Pair = namedtuple("Pair", "a b")
SAMPLES: list[list[Any]] = [
    [1, 2, 3],
    [1.5, 2.5],
    [True, False],
    ["a", "b"],
    [b"a", b"b"],
    [(1, "x"), (2, "y")],
    [[1, 2.0], [3, 4.0]],
    [{"a": 1, "b": [2]}, {"a": 3, "b": [4]}],
    [OrderedDict(a=1), OrderedDict(a=2)],
    [Pair(1, 2.0), Pair(3, 4.0)],
    [np.float32(1), np.float32(2)],
    [np.arange(3), np.arange(3)],
]


def plain(batch: Any) -> Any:
    """A batch with each tensor replaced by what it says of itself."""
    if isinstance(batch, (dlf.Tensor, torch.Tensor)):
        return str(batch.dtype).split(".")[1], tuple(batch.shape), batch.tolist()
    if isinstance(batch, dict):
        return type(batch), {k: plain(v) for k, v in batch.items()}
    if isinstance(batch, (list, tuple)):
        return type(batch), [plain(v) for v in batch]
    return batch


@pytest.mark.parametrize("samples", SAMPLES, ids=str)
def test_collate_and_convert(samples: list[Any]) -> None:
    assert plain(data.default_collate(samples)) == plain(torch_data.default_collate(samples))
    assert plain(data.default_convert(samples)) == plain(torch_data.default_convert(samples))


def test_collate_of_tensors() -> None:
    batch = data.default_collate([(dlf.ones(2), 1), (dlf.zeros(2), 0)])
    assert plain(batch[0]) == ("float32", (2, 2), [[1.0, 1.0], [0.0, 0.0]])


def test_collate_refuses() -> None:
    with pytest.raises(TypeError, match="batch must contain"):
        data.default_collate([object()])
    with pytest.raises(TypeError, match="batch must contain"):
        data.default_collate([np.array(["a"])])
    with pytest.raises(RuntimeError, match="equal size"):
        data.default_collate([[1, 2], [3]])
