"""Streams that run late: work is queued, and done when somebody waits for it.

A stream keeps its own order. Between streams only events order: using what another stream wrote
without waiting for it is a silent race on a real device, and a `StreamOrderError` here.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dlf_sim import capture
from dlf_sim.memory import DEVICES, index_of

__all__ = [
    "Event",
    "Stream",
    "StreamOrderError",
    "StreamsService",
    "current_stream",
    "stream",
    "synchronize",
]

# Queues of real devices are bounded too; one that is full makes its caller wait.
_DEPTH = 256

_LOCK = threading.RLock()


class StreamOrderError(RuntimeError):
    """A stream used what another one wrote, without waiting for it."""


class Stream:
    """A queue of work on one device. Positions count what was ever queued; `done` of it has run.

    `known`: whether `synchronize` does its work too.
    """

    def __init__(self, device: Any = None, known: bool = True) -> None:
        self.index = index_of(device)
        self.queued = self.done = 0
        self._work: deque[Callable[[], None]] = deque()
        self._waited: dict[Stream, int] = {}
        if known:
            _STREAMS[self.index].append(self)

    def enqueue(self, work: Callable[[], None]) -> int:
        """Queue `work` and give its position."""
        with _LOCK:
            self._work.append(work)
            self.queued += 1
            position = self.queued
            if len(self._work) > _DEPTH:
                self.run()
        return position

    def run(self, until: int | None = None) -> None:
        """Do the queued work, up to position `until`."""
        with _LOCK:
            until = self.queued if until is None else min(until, self.queued)
            while self.done < until:
                self.done += 1
                self._work.popleft()()

    def check(self, writer: Stream, position: int) -> None:
        """Raise unless `writer`'s work at `position` must come before this stream's next."""
        writer, position = writer.place(position)
        if writer is self or writer.done >= position or self._waited.get(writer, 0) >= position:
            return
        raise StreamOrderError(
            f"a stream of sim:{self.index} uses data that another stream of sim:{writer.index} has "
            "not written yet: wait_event or wait_stream is missing"
        )

    def place(self, position: int) -> tuple[Stream, int]:
        """The stream on which the work at `position` is done, and where in it."""
        return self, position

    def wait_stream(self, other: Stream) -> None:
        """Let later work of this stream come after all that is queued on `other` now."""
        self._wait(other, other.queued)

    def wait_event(self, event: Event) -> None:
        """Let later work of this stream come after `event`."""
        if event.stream is not None:
            self._wait(event.stream, event.position)

    def _wait(self, other: Stream, position: int) -> None:
        if other is self:
            return
        with _LOCK:
            self._waited[other] = max(self._waited.get(other, 0), position)
            for further, seen in other._waited.items():
                self._waited[further] = max(self._waited.get(further, 0), seen)
        self.enqueue(lambda: other.run(position))

    def record_event(self, event: Event | None = None) -> Event:
        """An event that is reached when all that is queued now is done."""
        event = event or Event()
        event.record(self)
        return event

    def query(self) -> bool:
        """Whether all its work is done."""
        return self.done == self.queued

    def synchronize(self) -> None:
        """Do all its work now."""
        self.run()
        _raise_pending(self.index)


class Event:
    """A place in a stream."""

    def __init__(self, enable_timing: bool = False) -> None:
        self.enable_timing = enable_timing
        self.stream: Stream | None = None
        self.position = 0
        self.reached: float | None = None

    def record(self, stream: Stream | None = None) -> None:
        """Put this event at the end of `stream` (default: the current one)."""
        self.stream = stream or current_stream()
        self.reached = None
        self.position = self.stream.enqueue(self._reach)

    def _reach(self) -> None:
        self.reached = time.perf_counter()

    def wait(self, stream: Stream | None = None) -> None:
        """Let later work of `stream` (default: the current one) come after this event."""
        (stream or current_stream()).wait_event(self)

    def query(self) -> bool:
        """Whether the event was reached; true of one that was never recorded."""
        return self.stream is None or self.reached is not None

    def synchronize(self) -> None:
        """Do the work before this event now."""
        if self.stream is not None:
            self.stream.run(self.position)

    def elapsed_time(self, end: Event) -> float:
        """Milliseconds from this event to `end`; both must be recorded with timing and reached."""
        if not (self.enable_timing and end.enable_timing):
            raise RuntimeError("Both events must be created with enable_timing=True.")
        if self.reached is None or end.reached is None:
            raise RuntimeError(
                "Both events must be recorded and completed before calculating elapsed time."
            )
        return 1000 * (end.reached - self.reached)


_STREAMS: tuple[list[Stream], ...] = tuple([] for _ in range(DEVICES))
_DEFAULT = tuple(Stream(index) for index in range(DEVICES))
_ERRORS: tuple[list[BaseException], ...] = tuple([] for _ in range(DEVICES))


class _Current(threading.local):
    def __init__(self) -> None:
        self.streams = list(_DEFAULT)


_CURRENT = _Current()


def current_stream(device: Any = None) -> Stream:
    """The stream on which this thread's kernels of `device` are queued."""
    return _CURRENT.streams[index_of(device)]


@contextmanager
def stream(chosen: Stream) -> Iterator[Stream]:
    """Queue this thread's kernels on `chosen` within the block."""
    before = _CURRENT.streams[chosen.index]
    _CURRENT.streams[chosen.index] = chosen
    try:
        yield chosen
    finally:
        _CURRENT.streams[chosen.index] = before


def synchronize(device: Any = None) -> None:
    """Do all work queued on `device`, or on all; raises a late kernel's first error."""
    capture.refuse("the device was synchronised")
    chosen = range(DEVICES) if device is None else (index_of(device),)
    for index in chosen:
        for each in list(_STREAMS[index]):
            each.run()
    for index in chosen:
        _raise_pending(index)


def report(index: int, error: BaseException) -> None:
    """Keep the error of a late kernel for whoever synchronizes next."""
    _ERRORS[index].append(error)


def seen(index: int, error: BaseException) -> None:
    """`error` has been raised to somebody."""
    if error in _ERRORS[index]:
        _ERRORS[index].remove(error)


def _raise_pending(index: int) -> None:
    if _ERRORS[index]:
        first = _ERRORS[index][0]
        _ERRORS[index].clear()
        raise first


class StreamsService:
    """Streams and events, under PyTorch's names."""

    Stream = Stream
    Event = Event
    current_stream = staticmethod(current_stream)
    stream = staticmethod(stream)
    synchronize = staticmethod(synchronize)
