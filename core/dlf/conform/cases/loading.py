"""`DataLoader` feeds the device."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ..case import Case
from ..close import assert_same
from ..subject import Subject

__all__ = ["cases"]


def cases(subject: Subject) -> Iterator[Case]:
    """With and without worker threads, from the host and from tensors on the device."""
    for workers in (0, 2):
        for name, run in (("from the host", _from_host), ("on the device", _on_device)):
            case = partial(run, workers=workers)
            yield Case(f"loading/{name}, {workers} workers", case, "system", dtype="float32")
    yield Case("loading/collate on the device", _collate, "system", dtype="float32")
    yield Case("loading/pinned", _pinned, "system", dtype="float32")


def _data(subject: Subject) -> tuple[Any, Any]:
    return subject.rng.uniform(-1, 1, (11, 3)).astype(np.float32), subject.rng.integers(0, 9, 11)


def _same(subject: Subject, batches: list[tuple[Any, Any]], data: tuple[Any, Any]) -> None:
    assert [len(x) for x, _ in batches] == [4, 4, 3]
    for at in range(2):
        tensors = [pair[at] for pair in batches]
        assert all(t.device is subject.device for t in tensors), [t.device for t in tensors]
        got = np.concatenate([t.cpu().numpy() for t in tensors])
        assert_same(got, data[at], ("examples", "labels")[at])


def _from_host(subject: Subject, workers: int) -> None:
    from ... import from_numpy
    from ...utils.data import DataLoader, TensorDataset

    subject.need("int64")
    data = _data(subject)
    loader = DataLoader(TensorDataset(*map(from_numpy, data)), 4, num_workers=workers)
    moved = [tuple(t.to(subject.device, non_blocking=True) for t in pair) for pair in loader]
    _same(subject, moved, data)


def _on_device(subject: Subject, workers: int) -> None:
    from ...utils.data import DataLoader, TensorDataset

    subject.need("int64")
    data = _data(subject)
    loader = DataLoader(TensorDataset(*map(subject.tensor, data)), 4, num_workers=workers)
    _same(subject, list(loader), data)


def _collate(subject: Subject) -> None:
    """A collate function that puts its batch on the device, run by worker threads."""
    from ... import from_numpy
    from ...utils.data import DataLoader, default_collate

    subject.need("int64")
    data = _data(subject)
    examples = [(from_numpy(x), int(y)) for x, y in zip(*data, strict=True)]

    def collate(samples: list[Any]) -> Any:
        return tuple(t.to(subject.device) for t in default_collate(samples))

    _same(subject, list(DataLoader(examples, 4, num_workers=2, collate_fn=collate)), data)  # type: ignore[arg-type]  # a list is a data set


def _pinned(subject: Subject) -> None:
    """`pin_memory` changes no value, whether the backend has pinned memory or not."""
    from ... import from_numpy
    from ...utils.data import DataLoader, TensorDataset

    subject.need("int64")
    data = _data(subject)
    loader = DataLoader(
        TensorDataset(*map(from_numpy, data)),
        4,
        pin_memory=True,
        pin_memory_device=subject.device.type,
    )
    with warnings.catch_warnings():
        # That there is no pinned memory is told, and is no fault.
        warnings.simplefilter("ignore", UserWarning)
        batches = list(loader)
    _same(subject, [tuple(t.to(subject.device) for t in pair) for pair in batches], data)
