"""Counted device memory, and its running out on demand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["DEVICES", "Memory", "MemoryService", "OutOfMemoryError", "index_of", "inject_oom"]

DEVICES = 2


class OutOfMemoryError(RuntimeError):
    """An allocation went beyond the limit that `inject_oom` set."""


class Memory:
    """What is allocated on one device, in bytes; a result counts from its launch on."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.limit: int | None = None
        self.allocated = self.peak = self.allocations = 0
        self._lock = threading.RLock()  # A finalizer may free while its own thread allocates.

    def allocate(self, size: int) -> None:
        """Count `size` bytes, or raise `OutOfMemoryError`."""
        with self._lock:
            if self.limit is not None and self.allocated + size > self.limit:
                raise OutOfMemoryError(
                    f"sim:{self.index} out of memory: tried to allocate {size} bytes with "
                    f"{self.allocated} in use of {self.limit}"
                )
            self.allocated += size
            self.allocations += 1
            self.peak = max(self.peak, self.allocated)

    def free(self, size: int) -> None:
        """Give `size` bytes back."""
        with self._lock:
            self.allocated -= size


MEMORY = tuple(Memory(index) for index in range(DEVICES))


@contextmanager
def inject_oom(after_bytes: int, index: int | None = None) -> Iterator[None]:
    """Within the block, let a device hold `after_bytes` more than at its start, and no more.

    `index` picks one device; without it each has that much left.
    """
    chosen = MEMORY if index is None else (MEMORY[index],)
    before = [memory.limit for memory in chosen]
    for memory in chosen:
        memory.limit = memory.allocated + after_bytes
    try:
        yield
    finally:
        for memory, limit in zip(chosen, before, strict=True):
            memory.limit = limit


def index_of(device: Any) -> int:
    """The index that `device` names: an index, a device, its name, or None for the first."""
    if isinstance(device, str):
        device = int(device.partition(":")[2] or 0)
    return device if isinstance(device, int) else getattr(device, "index", None) or 0


class MemoryService:
    """Statistics in bytes, under PyTorch's names."""

    def memory_allocated(self, device: Any = None) -> int:
        """In use now."""
        return MEMORY[index_of(device)].allocated

    def max_memory_allocated(self, device: Any = None) -> int:
        """The most that was in use since the start or the last `reset_peak_memory_stats`."""
        return MEMORY[index_of(device)].peak

    def reset_peak_memory_stats(self, device: Any = None) -> None:
        """Let the peak start anew from what is in use."""
        memory = MEMORY[index_of(device)]
        memory.peak = memory.allocated

    def memory_stats(self, device: Any = None) -> dict[str, int]:
        """allocated, peak, and the number of allocations so far."""
        memory = MEMORY[index_of(device)]
        return {
            "allocated": memory.allocated,
            "peak": memory.peak,
            "allocations": memory.allocations,
        }

    def empty_cache(self) -> None:
        """Nothing is cached."""
