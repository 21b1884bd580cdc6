"""`DataLoader`, in the caller's thread and with worker threads."""

from __future__ import annotations

import gc
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import pytest
import torch.utils.data as torch_data

import dlf
from dlf.utils import data


class Squares(data.Dataset[int]):
    """i squared, for i below n; slower for even i; fails at `bad`."""

    def __init__(self, n: int, bad: int | None = None, slow: float = 0.0) -> None:
        self.n, self.bad, self.slow = n, bad, slow

    def __getitem__(self, index: int) -> int:
        if index == self.bad:
            raise KeyError(f"sample {index}")
        if self.slow and index % 2 == 0:
            time.sleep(self.slow)
        return index**2

    def __len__(self) -> int:
        return self.n


class Shard(data.IterableDataset[int]):
    """0 to n - 1, shared out among the workers."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Iterator[int]:
        info = data.get_worker_info()
        return iter(range(self.n) if info is None else range(info.id, self.n, info.num_workers))

    def __len__(self) -> int:
        return self.n


def batches(loader: Any) -> list[Any]:
    return [b.tolist() for b in loader]


def workers_left() -> int:
    """Worker threads that still run a moment later."""
    for _ in range(200):
        left = [t for t in threading.enumerate() if t.name.startswith("dlf-data-")]
        if not left:
            break
        time.sleep(0.01)
    return len(left)


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("drop_last", [True, False])
def test_batches(workers: int, drop_last: bool) -> None:
    loader = data.DataLoader(Squares(10, slow=0.002), 4, num_workers=workers, drop_last=drop_last)
    oracle = torch_data.DataLoader([i**2 for i in range(10)], 4, drop_last=drop_last)  # type: ignore[arg-type]  # a list is a dataset
    assert batches(loader) == batches(oracle)
    assert batches(loader) == batches(oracle)
    assert len(loader) == len(oracle)
    assert workers_left() == 0


@pytest.mark.parametrize("workers", [0, 2])
def test_shuffle(workers: int) -> None:
    generator = dlf.Generator()
    generator.manual_seed(1)
    loader = data.DataLoader(Squares(20), 5, shuffle=True, num_workers=workers, generator=generator)
    first, second = batches(loader), batches(loader)
    assert first != second
    for epoch in (first, second):
        assert sorted(chain(*epoch)) == [i**2 for i in range(20)]


@pytest.mark.parametrize("workers", [0, 2])
def test_single_samples(workers: int) -> None:
    loader: Any = data.DataLoader(Squares(3), batch_size=None, num_workers=workers)
    assert list(loader) == [0, 1, 4]


@pytest.mark.parametrize("workers", [0, 2])
def test_samplers(workers: int) -> None:
    loader = data.DataLoader(Squares(9), 2, sampler=[8, 1, 3], num_workers=workers)
    assert batches(loader) == [[64, 1], [9]]
    loader = data.DataLoader(Squares(9), batch_sampler=[[1], [2, 3]], num_workers=workers)
    assert batches(loader) == [[1], [4, 9]]


@pytest.mark.parametrize("workers", [0, 2])
def test_tensor_dataset_takes_whole_batches(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = data.TensorDataset(dlf.arange(20).reshape(10, 2), dlf.arange(10))

    def never(self: Any, index: Any) -> Any:
        raise AssertionError("one sample at a time")

    expected = [[b.tolist() for b in batch] for batch in data.DataLoader(dataset, 4)]
    assert expected[2] == [[[16, 17], [18, 19]], [8, 9]]
    monkeypatch.setattr(data.TensorDataset, "__getitem__", never)
    for given in (dataset, data.Subset(dataset, range(10))):
        loader = data.DataLoader(given, 4, num_workers=workers)
        assert [[b.tolist() for b in batch] for batch in loader] == expected


def test_batches_are_copies() -> None:
    x = dlf.zeros(4)
    for (batch,) in data.DataLoader(data.TensorDataset(x), 2):
        batch.fill_(1)
    assert x.tolist() == [0, 0, 0, 0]


def test_a_subclass_that_changes_samples_is_read_sample_by_sample() -> None:
    class Doubled(data.TensorDataset):
        def __getitem__(self, index: Any) -> Any:
            return tuple(t * 2 for t in super().__getitem__(index))

    (batch,) = next(iter(data.DataLoader(Doubled(dlf.arange(3)), 3)))
    assert batch.tolist() == [0, 2, 4]


def test_getitems() -> None:
    class Several(Squares):
        def __getitems__(self, indices: list[int]) -> list[int]:
            return [-i for i in indices]

    assert batches(data.DataLoader(Several(4), 2)) == [[0, -1], [-2, -3]]


@pytest.mark.parametrize("workers", [0, 2])
def test_collate_fn(workers: int) -> None:
    loader: Any = data.DataLoader(Squares(4), 3, collate_fn=sum, num_workers=workers)
    assert list(loader) == [5, 9]


@pytest.mark.parametrize("drop_last", [True, False])
def test_stream(drop_last: bool) -> None:
    loader = data.DataLoader(Shard(7), 3, drop_last=drop_last)
    assert batches(loader) == [[0, 1, 2], [3, 4, 5], [6]][: 2 if drop_last else 3]
    assert len(loader) == 2 + (not drop_last)
    single: Any = data.DataLoader(Shard(3), batch_size=None)
    assert list(single) == [0, 1, 2]


@pytest.mark.parametrize("n", [0, 1, 7, 30])
def test_stream_with_workers(n: int) -> None:
    loader = data.DataLoader(Shard(n), 2, num_workers=3)
    found = batches(loader)
    assert sorted(chain(*found)) == list(range(n))
    if n == 30:
        assert found[:3] == [[0, 3], [1, 4], [2, 5]]
    assert workers_left() == 0


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_keep_their_traceback(workers: int) -> None:
    loader = data.DataLoader(Squares(8, bad=5), 2, num_workers=workers)
    iterator = iter(loader)
    assert next(iterator).tolist() == [0, 1]
    assert next(iterator).tolist() == [4, 9]
    with pytest.raises(KeyError, match="sample 5") as caught:
        next(iterator)
    shown = "".join(traceback.format_exception(caught.value))
    assert "in __getitem__" in shown
    if workers:
        assert "raised in DataLoader worker" in shown
    assert workers_left() == 0


@pytest.mark.parametrize("workers", [0, 2])
def test_stop_iteration_of_a_sample_is_an_error(workers: int) -> None:
    class Stops(Squares):
        def __getitem__(self, index: int) -> int:
            raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        list(data.DataLoader(Stops(4), 2, num_workers=workers))


def test_error_in_worker_init() -> None:
    def init(worker: int) -> None:
        raise OSError("no scratch space")

    loader = data.DataLoader(Squares(8), 2, num_workers=2, worker_init_fn=init)
    with pytest.raises(OSError, match="no scratch space"):
        list(loader)
    assert workers_left() == 0


def test_dropped_half_way() -> None:
    iterator = iter(data.DataLoader(Squares(1000), 2, num_workers=2))
    next(iterator)
    del iterator
    gc.collect()
    assert workers_left() == 0


def test_reads_only_so_far_ahead() -> None:
    seen: list[int] = []

    class Noted(Squares):
        def __getitem__(self, index: int) -> int:
            seen.append(index)
            return index

    iterator = iter(data.DataLoader(Noted(100), 1, num_workers=2, prefetch_factor=3))
    next(iterator)
    time.sleep(0.1)
    assert len(seen) <= 7
    del iterator


def test_timeout() -> None:
    loader = data.DataLoader(Squares(4, slow=0.5), 1, num_workers=1, timeout=0.05)
    with pytest.raises(RuntimeError, match=r"timed out after 0\.05 seconds"):
        list(loader)
    assert workers_left() == 0


def test_out_of_order() -> None:
    loader = data.DataLoader(Squares(8, slow=0.01), 1, num_workers=2, in_order=False)
    assert sorted(chain(*batches(loader))) == [i**2 for i in range(8)]


def test_worker_info() -> None:
    seen: dict[int, Any] = {}
    dataset = Squares(4)

    def init(worker: int) -> None:
        seen[worker] = data.get_worker_info()

    list(data.DataLoader(dataset, 2, num_workers=2, worker_init_fn=init))
    assert {(i.id, i.num_workers) for i in seen.values()} == {(0, 2), (1, 2)}
    assert seen[1].seed == seen[0].seed + 1
    assert seen[0].dataset is dataset
    assert data.get_worker_info() is None


BAD: list[tuple[type[Exception], Callable[[], Any]]] = [
    (ValueError, lambda: data.DataLoader(Squares(4), num_workers=-1)),
    (ValueError, lambda: data.DataLoader(Squares(4), timeout=-1)),
    (ValueError, lambda: data.DataLoader(Squares(4), prefetch_factor=2)),
    (ValueError, lambda: data.DataLoader(Squares(4), persistent_workers=True)),
    (ValueError, lambda: data.DataLoader(Squares(4), shuffle=True, sampler=[1])),
    (ValueError, lambda: data.DataLoader(Squares(4), 2, batch_sampler=[[1]])),
    (ValueError, lambda: data.DataLoader(Squares(4), None, drop_last=True)),
    (ValueError, lambda: data.DataLoader(Squares(4), 0)),
    (ValueError, lambda: data.DataLoader(Shard(4), shuffle=True)),
    (ValueError, lambda: data.DataLoader(Shard(4), sampler=[1])),
    (ValueError, lambda: data.DataLoader(Squares(4), multiprocessing_context="spawn")),
]


@pytest.mark.parametrize(("error", "make"), BAD)
def test_bad_arguments(error: type[Exception], make: Callable[[], Any]) -> None:
    with pytest.raises(error):
        make()
