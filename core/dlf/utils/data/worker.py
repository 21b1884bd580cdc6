"""Worker threads of a `DataLoader`.

Workers are threads, not processes: reading files, decoding and NumPy run in parallel with the
training loop, as they give up the interpreter's lock; nothing is pickled and batches are not
copied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import local
from typing import Any

from dlf.utils.data.dataset import IterableDataset

__all__ = ["END", "Failed", "WorkerInfo", "get_worker_info", "run_worker"]


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker is told of itself: its number, how many there are, its seed, and the dataset
    they share."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Local(local):
    info: WorkerInfo | None = None


_local = _Local()


def get_worker_info() -> WorkerInfo | None:
    """In a worker, its `WorkerInfo`; None in all other threads."""
    return _local.info


@dataclass(frozen=True)
class Failed:
    """An exception that a worker met; it keeps its traceback."""

    error: BaseException


class _End:
    """Marks the end of a worker's stream."""


END = _End()


def _no_fetch(indices: Any) -> Any:
    raise AssertionError(indices)


def run_worker(
    info: WorkerInfo,
    make_fetch: Callable[[], Callable[[Any], Any]],
    init: Callable[[int], Any] | None,
    tasks: SimpleQueue[Any],
    results: SimpleQueue[Any],
) -> None:
    """The body of a worker: answers each task (number, indices) with (number, worker, batch); None
    ends it.

    It holds no reference to the loader's iterator, so that one dropped half-way is collected and
    stops it.
    """
    _local.info = info
    fetch: Callable[[Any], Any] = _no_fetch
    broken: BaseException | None = None
    streams = isinstance(info.dataset, IterableDataset)
    try:
        if init is not None:
            init(info.id)
        fetch = make_fetch()
    except BaseException as error:
        broken = _noted(error, info)
    while (task := tasks.get()) is not None:
        number, indices = task
        result: Any
        try:
            result = fetch(indices) if broken is None else Failed(broken)
        except StopIteration as end:
            result = END if streams else Failed(_noted(_unexpected(end), info))
        except BaseException as error:
            result = Failed(_noted(error, info))
        results.put((number, info.id, result))
        # A batch that waits here for the next task would live longer than its user's last
        # reference.
        del result, task, indices


def _noted(error: BaseException, info: WorkerInfo) -> BaseException:
    error.add_note(f"raised in DataLoader worker {info.id}")
    return error


def _unexpected(end: StopIteration) -> RuntimeError:
    # Raised on, a StopIteration would end the caller's loop without a word.
    error = RuntimeError("a dataset's __getitem__ raised StopIteration")
    error.__cause__ = end
    return error
