"""Samplers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch.utils.data as torch_data

import dlf
from dlf.utils import data

TEN = list(range(10))


def seeded(seed: int = 0) -> Any:
    generator = dlf.Generator()
    generator.manual_seed(seed)
    return generator


def test_sequential() -> None:
    assert list(data.SequentialSampler(TEN)) == TEN


def test_random() -> None:
    once = list(data.RandomSampler(TEN, generator=seeded()))
    assert sorted(once) == TEN != once
    assert list(data.RandomSampler(TEN, generator=seeded())) == once
    assert list(data.RandomSampler(TEN, generator=seeded(1))) != once
    sampler = data.RandomSampler(TEN, generator=seeded())
    assert list(sampler) != list(sampler)


@pytest.mark.parametrize("replacement", [True, False])
def test_random_with_a_number(replacement: bool) -> None:
    sampler = data.RandomSampler(TEN, replacement, 25)
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == 25
    assert set(drawn) <= set(TEN)
    if not replacement:
        assert sorted(drawn[:10]) == sorted(drawn[10:20]) == TEN


def test_random_of_nothing() -> None:
    assert list(data.RandomSampler([])) == []


def test_subset_random() -> None:
    assert sorted(data.SubsetRandomSampler([7, 3, 9])) == [3, 7, 9]


def test_weighted() -> None:
    drawn = list(data.WeightedRandomSampler([0.0, 1.0, 3.0], 4000, generator=seeded()))
    assert 0 not in drawn
    assert drawn.count(2) / 4000 == pytest.approx(0.75, abs=0.03)
    assert sorted(data.WeightedRandomSampler([1.0, 0.0, 2.0], 2, replacement=False)) == [0, 2]
    firsts = [
        next(iter(data.WeightedRandomSampler([1.0, 3.0], 2, False, seeded(i)))) for i in range(800)
    ]
    assert sum(firsts) / 800 == pytest.approx(0.75, abs=0.05)
    with pytest.raises(RuntimeError, match="without replacement"):
        list(data.WeightedRandomSampler([1.0, 0.0], 2, replacement=False))
    with pytest.raises(RuntimeError, match="not negative"):
        list(data.WeightedRandomSampler([1.0, -1.0], 2))


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("size", [1, 3, 5, 20])
def test_batch(size: int, drop_last: bool) -> None:
    ours = data.BatchSampler(data.SequentialSampler(TEN), size, drop_last)
    theirs = torch_data.BatchSampler(torch_data.SequentialSampler(TEN), size, drop_last)
    assert list(ours) == list(theirs)
    assert len(ours) == len(theirs)


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("replicas", [1, 3, 4, 25])
def test_distributed(replicas: int, drop_last: bool) -> None:
    for rank in range(replicas):
        options: dict[str, Any] = {"shuffle": False, "drop_last": drop_last}
        ours = data.DistributedSampler(TEN, replicas, rank, **options)
        theirs = torch_data.DistributedSampler(TEN, replicas, rank, **options)
        assert list(ours) == list(theirs)
        assert len(ours) == len(theirs)


def test_distributed_shuffles_by_epoch() -> None:
    samplers = [data.DistributedSampler(TEN, 2, rank) for rank in range(2)]
    first = [list(s) for s in samplers]
    assert sorted(first[0] + first[1]) == TEN
    assert [list(s) for s in samplers] == first
    for s in samplers:
        s.set_epoch(1)
    assert [list(s) for s in samplers] != first


BAD: list[tuple[type[Exception], Callable[[], Any]]] = [
    (TypeError, lambda: data.RandomSampler(TEN, replacement=1)),  # type: ignore[arg-type]  # bad
    (ValueError, lambda: data.RandomSampler(TEN, num_samples=0)),
    (ValueError, lambda: data.WeightedRandomSampler([1.0], 0)),
    (ValueError, lambda: data.WeightedRandomSampler([[1.0]], 1)),  # type: ignore[list-item]  # bad
    (ValueError, lambda: data.BatchSampler(TEN, 0, False)),
    (ValueError, lambda: data.BatchSampler(TEN, 1, 0)),  # type: ignore[arg-type]  # bad
    (RuntimeError, lambda: data.DistributedSampler(TEN)),
    (ValueError, lambda: data.DistributedSampler(TEN, 2, 2)),
]


@pytest.mark.parametrize(("error", "make"), BAD)
def test_bad_arguments(error: type[Exception], make: Callable[[], Any]) -> None:
    with pytest.raises(error):
        make()
