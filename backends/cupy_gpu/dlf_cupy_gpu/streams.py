"""Streams and events, under PyTorch's names, over CuPy's."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dlf_cupy_gpu import lazy
from dlf_cupy_gpu.devices import index_of, on
from dlf_cupy_gpu.memory import METER

__all__ = ["Event", "Stream", "StreamsService", "current_stream", "pending", "stream"]


class Stream:
    """A queue of work on one card.

    Args:
        device: the card. Default: the current one.
        priority: lower numbers go first; 0 is the least urgent. Default: 0.
    """

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        self.index = index_of(device)
        with on(self.index):
            self.native = lazy.cupy().cuda.Stream(non_blocking=True, priority=priority)
        _remember(self)

    @classmethod
    def _of(cls, native: Any, index: int) -> Stream:
        """CuPy's stream `native` of card `index`."""
        made = cls.__new__(cls)
        made.native, made.index = native, index
        return made

    @property
    def cuda_stream(self) -> int:
        """The stream's handle, for other libraries; 0 is the default stream."""
        return int(self.native.ptr)

    @property
    def device(self) -> Any:
        """The card, as a `dlf.device`."""
        from dlf.devices import device

        return device("cuda", self.index)

    def wait_event(self, event: Event) -> None:
        """Let later work of this stream come after `event`, at once if it was never recorded."""
        if event.native is not None:
            with on(self.index):
                self.native.wait_event(event.native)

    def wait_stream(self, other: Stream) -> None:
        """Let later work of this stream come after all that is queued on `other` now."""
        self.wait_event(other.record_event())

    def record_event(self, event: Event | None = None) -> Event:
        """Put `event` (None: a new one) behind what is queued now, and give it."""
        event = event or Event()
        event.record(self)
        return event

    def query(self) -> bool:
        """Whether all its work is done; does not wait."""
        with on(self.index):
            return bool(self.native.done)

    def synchronize(self) -> None:
        """Wait until all its work is done."""
        with on(self.index):
            self.native.synchronize()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Stream):
            return NotImplemented
        return (self.index, self.cuda_stream) == (other.index, other.cuda_stream)

    def __hash__(self) -> int:
        return hash((self.index, self.cuda_stream))

    def __repr__(self) -> str:
        return f"<dlf.cuda.Stream device=cuda:{self.index} cuda_stream={self.cuda_stream:#x}>"


class Event:
    """A place in a stream.

    Args:
        enable_timing: whether `elapsed_time` can be asked. Default: False.
        blocking: whether waiting lets the processor sleep. Default: False.
    """

    def __init__(self, enable_timing: bool = False, blocking: bool = False) -> None:
        self.enable_timing, self.blocking = enable_timing, blocking
        self.native: Any = None
        self.index = 0

    def record(self, stream: Stream | None = None) -> None:
        """Put this event at the end of `stream` (None: the current one)."""
        chosen = stream or current_stream()
        with on(chosen.index):
            if self.native is None or self.index != chosen.index:
                self.native = lazy.cupy().cuda.Event(
                    block=self.blocking, disable_timing=not self.enable_timing
                )
            self.index = chosen.index
            self.native.record(chosen.native)

    def wait(self, stream: Stream | None = None) -> None:
        """Let later work of `stream` (None: the current one) come after this event."""
        (stream or current_stream()).wait_event(self)

    def query(self) -> bool:
        """Whether the event was reached; true of one that was never recorded."""
        return self.native is None or bool(self.native.done)

    def synchronize(self) -> None:
        """Wait until the event is reached."""
        if self.native is not None:
            self.native.synchronize()

    def elapsed_time(self, end: Event) -> float:
        """Milliseconds from this event to `end`; both must be recorded with timing and reached."""
        if not (self.enable_timing and end.enable_timing):
            raise RuntimeError("Both events must be created with enable_timing=True.")
        if self.native is None or end.native is None or not (self.query() and end.query()):
            raise RuntimeError(
                "Both events must be recorded and completed before calculating elapsed time."
            )
        return float(lazy.cupy().cuda.get_elapsed_time(self.native, end.native))


_lock = threading.Lock()
_known: dict[int, weakref.WeakSet[Stream]] = {}


def _remember(made: Stream) -> None:
    """Note that card `made.index` has a stream beside its default one."""
    with _lock:
        _known[made.index] = weakref.WeakSet([*_known.get(made.index, ()), made])
    METER.streams = _Streams


def pending(index: int, but: int) -> list[Any]:
    """Events behind what is queued now on the streams of card `index`, save that of handle `but`.

    Empty where the card has one stream, or the others have nothing left to do.
    """
    others = _known.get(index)
    if not others:
        return []
    cuda = lazy.cupy().cuda
    events = []
    with on(index):
        for native in (cuda.Stream.null, *(one.native for one in others)):
            if native.ptr != but and not native.done:
                event = cuda.Event(disable_timing=True)
                event.record(native)
                events.append(event)
    return events


class _Streams:
    """What the allocator asks."""

    pending = staticmethod(pending)


def current_stream(device: Any = None) -> Stream:
    """The stream on which this thread's kernels of `device` are queued."""
    index = index_of(device)
    with on(index):
        return Stream._of(lazy.cupy().cuda.get_current_stream(), index)


def default_stream(device: Any = None) -> Stream:
    """The stream that is current where none was chosen."""
    return Stream._of(lazy.cupy().cuda.Stream.null, index_of(device))


@contextmanager
def stream(chosen: Stream | None) -> Iterator[Stream | None]:
    """Queue this thread's kernels on `chosen` within the block; None changes nothing."""
    if chosen is None:
        yield None
        return
    with on(chosen.index), chosen.native:
        yield chosen


def set_stream(stream: Stream | None) -> None:
    """Queue this thread's kernels on `stream` from now on; None changes nothing. Prefer `stream`,
    which ends."""
    if stream is not None:
        with on(stream.index):
            stream.native.use()


def synchronize(device: Any = None) -> None:
    """Wait for all work on `device` (None: on all); raises the first error of late work."""
    if device is not None:
        with on(index_of(device)):
            lazy.cupy().cuda.runtime.deviceSynchronize()
        return
    for index in range(lazy.cupy().cuda.runtime.getDeviceCount()):
        with on(index):
            lazy.cupy().cuda.runtime.deviceSynchronize()


class StreamsService:
    """Streams and events, under PyTorch's names."""

    Stream = Stream
    Event = Event
    current_stream = staticmethod(current_stream)
    default_stream = staticmethod(default_stream)
    set_stream = staticmethod(set_stream)
    stream = staticmethod(stream)
    synchronize = staticmethod(synchronize)
