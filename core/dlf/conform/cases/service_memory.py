"""Memory counters: they follow tensors as these come and go."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np

from ..case import Skipped
from ..subject import Subject
from .service import service

__all__ = ["CASES"]

SIDE = 256  # A tensor of this side is large beside what else a case allocates.
BYTES = SIDE * SIDE * 4


def _large(subject: Subject) -> Any:
    return subject.tensor(np.ones((SIDE, SIDE), np.float32))


def _settle(subject: Subject) -> None:
    gc.collect()
    streams = subject.backend.services.get("streams")
    if hasattr(streams, "synchronize"):
        streams.synchronize()


def _allocated(subject: Subject) -> None:
    """What is allocated grows with a tensor, and falls back when the tensor is gone."""
    memory = service(subject, "memory", "memory_allocated")
    _settle(subject)
    before = memory.memory_allocated(subject.index)
    x = _large(subject)
    y = x + 1
    _settle(subject)
    grown = memory.memory_allocated(subject.index) - before
    assert grown >= 2 * BYTES, f"two tensors of {BYTES} bytes added {grown}"
    del x, y
    _settle(subject)
    left = memory.memory_allocated(subject.index) - before
    assert left <= 0, f"{left} bytes are left of tensors that are gone"


def _peak(subject: Subject) -> None:
    """The peak is at least what is allocated, stays when that falls, and can be reset."""
    memory = service(
        subject,
        "memory",
        "memory_allocated",
        "max_memory_allocated",
        "reset_peak_memory_stats",
    )
    index = subject.index
    memory.reset_peak_memory_stats(index)
    base = memory.memory_allocated(index)
    x = _large(subject)
    high = memory.memory_allocated(index)
    assert memory.max_memory_allocated(index) >= high >= base + BYTES
    del x
    _settle(subject)
    assert memory.max_memory_allocated(index) >= high, "the peak fell with what is allocated"
    memory.reset_peak_memory_stats(index)
    low = memory.max_memory_allocated(index)
    assert low < high, f"after its reset the peak is {low}, before it was {high}"
    assert low >= memory.memory_allocated(index)


def _stats(subject: Subject) -> None:
    memory = service(subject, "memory", "memory_stats")
    stats = memory.memory_stats(subject.index)
    assert stats, "no statistics"
    for key, value in stats.items():
        assert isinstance(key, str), f"the key {key!r} is no string"
        assert isinstance(value, (int, float)), f"{key} is {value!r}"
        assert value >= 0, f"{key} is {value}"


def _empty_cache(subject: Subject) -> None:
    """Emptying the cache keeps what is in use."""
    memory = service(subject, "memory", "empty_cache", "memory_allocated")
    x = _large(subject)
    before = memory.memory_allocated(subject.index)
    memory.empty_cache()
    assert memory.memory_allocated(subject.index) == before
    assert float((x + 1).sum().item()) == 2.0 * SIDE * SIDE


def _each_device(subject: Subject) -> None:
    """What one device allocates does not count on another."""
    memory = service(subject, "memory", "memory_allocated")
    others = [i for i in range(subject.backend.device_count()) if i != subject.index]
    if not others:
        raise Skipped("there is one device of this type")
    before = [memory.memory_allocated(i) for i in others]
    x = _large(subject)
    assert [memory.memory_allocated(i) for i in others] == before
    del x


CASES = (_allocated, _peak, _stats, _empty_cache, _each_device)
