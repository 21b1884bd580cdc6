"""`DataLoader`: batches of a dataset, read ahead by worker threads if wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice, repeat
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

import dlf
from dlf import fallback
from dlf.utils.data.collate import default_collate, default_convert
from dlf.utils.data.dataset import Dataset, IterableDataset, batch_reader
from dlf.utils.data.pinning import pinner
from dlf.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler
from dlf.utils.data.worker import END, Failed, WorkerInfo, run_worker

__all__ = ["DataLoader"]

T = TypeVar("T", covariant=True)
Fetch = Callable[[Any], Any]


class DataLoader(Generic[T]):
    """Iterates over a dataset in batches.

    Args:
        dataset: by index, or an `IterableDataset`.
        batch_size: samples a batch; None gives single samples. Default: 1.
        shuffle: visit the samples in a new random order each time. Default: False.
        sampler: an iterable of indices, in place of `shuffle`.
        batch_sampler: an iterable of lists of indices, in place of `batch_size`, `shuffle`,
            `sampler`, `drop_last`.
        num_workers: threads that read ahead; 0 reads in the caller's thread. Default: 0. Threads,
            not processes: they share the dataset object, so reading must not change it. Batches
            come in the sampler's order for any number of workers; an exception is raised again,
            with its traceback, where its batch would have come.
        collate_fn: makes a batch of a list of samples. Default: `default_collate`.
        pin_memory: put the tensors of batches into pinned host memory (`Tensor.pin_memory`), from
            which ``x.to(device, non_blocking=True)`` does not make the host wait. Workers do it, so
            that it goes on beside the training step; without workers the caller does. In
            dictionaries, tuples, named tuples and lists they are found; another object may have a
            method ``pin_memory``. Where no device has pinned memory, a warning is given at each
            iteration, and batches stay as they are. Default: False.
        drop_last: leave out the last batch if it is short. Default: False.
        timeout: seconds to wait for a worker's batch; 0 waits for ever.
        worker_init_fn: called in each worker with its number before it reads.
        multiprocessing_context: must be None, as there are no processes.
        generator: random numbers of the order. Default: the global ones.
        prefetch_factor: batches that each worker reads ahead. Default: 2.
        persistent_workers: accepted for PyTorch's sake; threads start too fast to be worth keeping.
        pin_memory_device: the device whose pinned memory it is. Default: as `Tensor.pin_memory`
            chooses.
        in_order: False lets batches come as they get ready. Default: True.

    A dataset with ``take_batch``, such as `TensorDataset`, gives whole batches at once.

    Raises:
        ValueError: arguments that exclude each other, or are out of range.
        RuntimeError: a worker took longer than `timeout`.
    """

    def __init__(
        self,
        dataset: Dataset[T],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler[int] | Iterable[int] | None = None,
        batch_sampler: Sampler[list[int]] | Iterable[list[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(
            num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context
        )
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self.generator = generator
        self._streams = isinstance(dataset, IterableDataset)
        if self._streams:
            _check_stream(shuffle, sampler, batch_sampler)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, "
                    "and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with "
                "drop_last"
            )
        self.batch_size = batch_size
        self.drop_last = drop_last
        if sampler is None:
            sampler = self._default_sampler(bool(shuffle))
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.collate_fn: Callable[[Any], Any] = (
            collate_fn
            if collate_fn is not None
            else default_collate
            if self._batches
            else default_convert
        )

    def _default_sampler(self, shuffle: bool) -> Any:
        if self._streams:
            return _Endless()
        dataset: Any = self.dataset
        return (
            RandomSampler(dataset, generator=self.generator)
            if shuffle
            else SequentialSampler(dataset)
        )

    @property
    def _batches(self) -> bool:
        return self.batch_sampler is not None

    def __iter__(self) -> Iterator[Any]:
        pin = pinner(self.pin_memory_device) if self.pin_memory else None
        if self.num_workers:
            return _Threaded(self, pin)
        fetch = _make_fetch(self, pin)
        return self._plain(iter(self._index_sampler), fetch)

    def _plain(self, indices: Iterator[Any], fetch: Fetch) -> Iterator[Any]:
        for index in indices:
            try:
                batch = fetch(index)
            except StopIteration:
                if self._streams:
                    return
                raise
            yield batch

    @property
    def _index_sampler(self) -> Any:
        return self.batch_sampler if self._batches else self.sampler

    def __len__(self) -> int:
        """Number of batches an iteration gives."""
        if not self._streams:
            return len(self._index_sampler)
        n = len(self.dataset)  # type: ignore[arg-type]  # sized, by contract
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


class _Endless(Sampler[None]):
    """The sampler of a stream: it has no indices."""

    def __iter__(self) -> Iterator[None]:
        return repeat(None)


def _check_workers(
    num_workers: int, timeout: float, prefetch: int | None, persistent: bool, context: Any
) -> None:
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable "
            "multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch is not None:
        raise ValueError("prefetch_factor option could only be specified when num_workers > 0")
    if prefetch is not None and prefetch < 1:
        raise ValueError("prefetch_factor option should be positive")
    if persistent and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")
    if context is not None:
        raise ValueError(
            "multiprocessing_context must be None: workers are threads, there are no processes"
        )


def _check_stream(shuffle: bool | None, sampler: Any, batch_sampler: Any) -> None:
    for name, given in (
        ("shuffle", shuffle or None),
        ("sampler", sampler),
        ("batch_sampler", batch_sampler),
    ):
        if given is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got "
                f"{name}={given}"
            )


def _make_fetch(loader: DataLoader[Any], pin: Callable[[Any], Any] | None) -> Fetch:
    """The function from what the sampler gives to a batch, pinned by `pin`; it raises StopIteration
    at a stream's end."""
    fetch = _make_plain_fetch(loader)
    return fetch if pin is None else lambda indices: pin(fetch(indices))


def _make_plain_fetch(loader: DataLoader[Any]) -> Fetch:
    dataset: Any = loader.dataset
    collate = loader.collate_fn
    if loader._streams:
        return _stream_fetch(iter(dataset), collate, loader._batches, loader.drop_last)
    if not loader._batches:
        return lambda index: collate(dataset[index])
    if collate is default_collate:
        whole = batch_reader(dataset)
        if whole is not None:
            return whole
    several = getattr(dataset, "__getitems__", None)
    if several is not None:
        return lambda indices: collate(several(indices))
    return lambda indices: collate([dataset[i] for i in indices])


def _stream_fetch(
    samples: Iterator[Any], collate: Callable[[Any], Any], batches: bool, drop_last: bool
) -> Fetch:
    if not batches:
        return lambda _: collate(next(samples))

    def fetch(indices: list[None]) -> Any:
        batch = list(islice(samples, len(indices)))
        if not batch or (drop_last and len(batch) < len(indices)):
            raise StopIteration
        return collate(batch)

    return fetch


class _Threaded:
    """One iteration with worker threads."""

    def __init__(self, loader: DataLoader[Any], pin: Callable[[Any], Any] | None) -> None:
        from threading import Thread

        self._loader = loader
        self._indices = iter(loader._index_sampler)
        self._results: SimpleQueue[Any] = SimpleQueue()
        self._tasks: list[SimpleQueue[Any]] = []
        self._open = list(range(loader.num_workers))
        self._turn = 0
        self._sent = 0
        self._given = 0
        self._early: dict[int, Any] = {}
        seed = int(dlf.randint(0, 2**31, (1,), dtype=dlf.int64, generator=loader.generator).item())
        work = fallback.carried(run_worker)  # a block of `fallback_policy` holds for them too
        for i in range(loader.num_workers):
            tasks: SimpleQueue[Any] = SimpleQueue()
            info = WorkerInfo(i, loader.num_workers, seed + i, loader.dataset)
            self._tasks.append(tasks)
            Thread(
                target=work,
                args=(info, _fetch_maker(loader, pin), loader.worker_init_fn, tasks, self._results),
                name=f"dlf-data-{i}",
                daemon=True,
            ).start()
        for _ in range(loader.num_workers * (loader.prefetch_factor or 1)):
            self._send()

    def __iter__(self) -> _Threaded:
        return self

    def __next__(self) -> Any:
        while True:
            if self._given == self._sent:
                self.close()
                raise StopIteration
            result = self._receive()
            self._given += 1
            if isinstance(result, Failed):
                self.close()
                raise result.error
            if result is END:
                continue
            self._send()
            return result

    def _send(self) -> None:
        """Give the next indices to the next worker in turn that is not at its end."""
        if not self._open:
            return
        try:
            indices = next(self._indices)
        except StopIteration:
            return
        self._turn %= len(self._open)
        self._tasks[self._open[self._turn]].put((self._sent, indices))
        self._turn += 1
        self._sent += 1

    def _receive(self) -> Any:
        while self._given not in self._early:
            try:
                number, worker, result = self._results.get(timeout=self._loader.timeout or None)
            except Empty:
                self.close()
                raise RuntimeError(
                    f"DataLoader timed out after {self._loader.timeout} seconds"
                ) from None
            if result is END and worker in self._open:
                self._open.remove(worker)
                # What this worker's turn would have read, another may.
                self._send()
            if not self._loader.in_order:
                return result
            self._early[number] = result
        return self._early.pop(self._given)

    def close(self) -> None:
        """Tell the workers to end; they do so after the batch they are reading."""
        for tasks in self._tasks:
            while not tasks.empty():
                try:
                    tasks.get_nowait()
                except Empty:
                    break
            tasks.put(None)
        self._tasks = []
        self._open = []
        self._sent = self._given
        self._early.clear()

    def __del__(self) -> None:
        if self.__dict__.get("_tasks"):
            self.close()


def _fetch_maker(loader: DataLoader[Any], pin: Callable[[Any], Any] | None) -> Callable[[], Fetch]:
    return lambda: _make_fetch(loader, pin)
