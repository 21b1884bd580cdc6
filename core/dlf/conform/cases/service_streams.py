"""Streams and events: what is queued runs in its order, and other streams wait if they are told."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..close import assert_same
from ..subject import Subject
from .service import service

__all__ = ["CASES"]


def _numbers(subject: Subject) -> Any:
    return subject.rng.integers(-4, 5, (32, 32)).astype(np.float32)


def _synchronize(subject: Subject) -> None:
    """Afterwards nothing is left to do."""
    streams = service(subject, "streams", "synchronize")
    host = _numbers(subject)
    x = subject.tensor(host)
    y = x @ x
    streams.synchronize()
    streams.synchronize(subject.index)
    if hasattr(streams, "current_stream") and hasattr(streams.current_stream(), "query"):
        assert streams.current_stream(subject.index).query(), "work is left after synchronize"
    assert_same(y.cpu().numpy(), host @ host, "product")


def _waiting(subject: Subject, wait: Callable[[Any, Any], None], *more: str) -> None:
    """Work goes to a second stream and back, each time after `wait(waiting, other)`."""
    streams = service(subject, "streams", "Stream", "stream", "current_stream", *more)
    host = _numbers(subject)
    main, side = streams.current_stream(subject.index), streams.Stream(subject.index)
    x = subject.tensor(host)
    for _ in range(5):
        x = x * 1
    wait(side, main)
    with streams.stream(side):
        y = x @ x
        for _ in range(5):
            y = y + 1
    wait(main, side)
    got = (y - 5).cpu().numpy()
    assert_same(got, host @ host, "what went through both streams")


def _order_by_streams(subject: Subject) -> None:
    """`wait_stream` orders two streams."""
    _waiting(subject, lambda waiting, other: waiting.wait_stream(other))


def _order_by_events(subject: Subject) -> None:
    """An event that one stream records and another waits for orders them."""
    streams = service(subject, "streams", "Event")

    def wait(waiting: Any, other: Any) -> None:
        event = streams.Event()
        event.record(other)
        waiting.wait_event(event)

    _waiting(subject, wait)


def _current(subject: Subject) -> None:
    """`stream` makes a stream the current one, and puts the old one back after an error too."""
    streams = service(subject, "streams", "Stream", "stream", "current_stream")
    before, side = streams.current_stream(subject.index), streams.Stream(subject.index)
    try:
        with streams.stream(side):
            assert streams.current_stream(subject.index) == side
            raise KeyError
    except KeyError:
        pass
    assert streams.current_stream(subject.index) == before


def _elapsed(subject: Subject) -> None:
    """The time between two events is not negative, in milliseconds."""
    streams = service(subject, "streams", "Event", "synchronize")
    start, end = streams.Event(enable_timing=True), streams.Event(enable_timing=True)
    x = subject.tensor(_numbers(subject))
    start.record()
    for _ in range(10):
        x = (x @ x) * 0
    end.record()
    streams.synchronize()
    assert end.query(), "the event is not reached after synchronize"
    took = start.elapsed_time(end)
    assert 0 <= took < 60_000, f"10 small products took {took} ms"
    start.record()
    streams.synchronize()
    time.sleep(0.03)
    end.record()
    streams.synchronize()
    took = start.elapsed_time(end)
    assert 20 <= took < 10_000, f"between two events 30 ms apart elapsed_time finds {took} ms"


def _event(subject: Subject) -> None:
    """Waiting for an event is waiting for what was queued before it."""
    streams = service(subject, "streams", "Event")
    host = _numbers(subject)
    x = subject.tensor(host) * 2
    event = streams.Event()
    event.record()
    event.synchronize()
    assert event.query(), "the event is not reached after its synchronize"
    assert_same(x.cpu().numpy(), host * 2, "product")


def _reached(subject: Subject) -> None:
    """An event that says that it is reached has all behind it that was queued before."""
    streams = service(subject, "streams", "Event", "Stream", "stream")
    host = _numbers(subject)
    x, side, event = subject.tensor(host), streams.Stream(subject.index), streams.Event()
    streams.synchronize()
    with streams.stream(side):
        y = x @ x
        event.record(side)
    if not any(event.query() for _ in range(1000)):
        event.synchronize()
    assert_same((y + 0).cpu().numpy(), host @ host, "what the event says is there")


def _late(subject: Subject) -> None:
    """Work that is queued is not changed by what the host does next."""
    service(subject, "streams")
    host = _numbers(subject)
    kept = host.copy()
    x = subject.backend.from_host(host, subject.tensor(host).dtype, subject.index)
    if subject.device.type != "cpu":
        host[:] = 99  # Only the host device shares memory with the array it is given.
    assert_same(subject.get(x), kept, "the array after its source changed")
    a = subject.tensor(kept)
    b = a * 2
    a.fill_(7)
    c = a * 2
    assert_same(b.cpu().numpy(), kept * 2, "what was computed before the write")
    assert_same(c.cpu().numpy(), np.full_like(kept, 14), "what was computed after it")


CASES = (
    _synchronize,
    _order_by_streams,
    _order_by_events,
    _current,
    _elapsed,
    _event,
    _reached,
    _late,
)
