"""Ranges and marks that NVIDIA's profilers show: ``dlf.cuda.nvtx``, under PyTorch's names."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dlf_cupy_gpu import lazy

__all__ = ["ProfilerService"]


class _State(threading.local):
    depth = 0


class ProfilerService:
    """Names for what a thread does; each costs next to nothing where no profiler looks on."""

    def __init__(self) -> None:
        self._state = _State()

    @property
    def nvtx(self) -> ProfilerService:
        """This service, where PyTorch has it."""
        return self

    def range_push(self, msg: str) -> int:
        """Begin a range named `msg` within those that are open; gives how many those are."""
        lazy.cupy().cuda.nvtx.RangePush(msg)
        self._state.depth += 1
        return self._state.depth - 1

    def range_pop(self) -> int:
        """End the range that was begun last; gives how many are open around it.

        RuntimeError if this thread has no range open.
        """
        if not self._state.depth:
            raise RuntimeError("range_pop: no range was pushed in this thread")
        lazy.cupy().cuda.nvtx.RangePop()
        self._state.depth -= 1
        return self._state.depth

    @contextmanager
    def range(self, msg: str, *args: Any, **kwargs: Any) -> Iterator[None]:
        """A range over the ``with`` block, named ``msg.format(*args, **kwargs)``."""
        self.range_push(msg.format(*args, **kwargs))
        try:
            yield
        finally:
            self.range_pop()

    def mark(self, msg: str) -> None:
        """A moment named `msg`."""
        lazy.cupy().cuda.nvtx.Mark(msg)
