"""A recorder over plain lists: what it records is what `queue` is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dlf.plugin import CaptureState, GraphService, Recorder

__all__ = ["STATE", "Graphs", "Listed", "queue"]

STATE = CaptureState()

Work = Callable[[], Any]


class Listed(Recorder):
    """Pieces are lists of functions; `log` has the calls of the backend's methods."""

    device_type = "cpu"
    state = STATE

    def __init__(self, index: int, constants: bool = False) -> None:
        super().__init__(index, constants)
        self.log: list[Any] = []
        self.work: list[Work] | None = None

    @contextmanager
    def queued(self) -> Iterator[None]:
        self.log.append("queued")
        yield
        self.log.append("left")

    def begin(self) -> None:
        assert self.work is None, "the piece before was not ended"
        self.log.append("begin")
        self.work = []

    def end(self) -> Work:
        self.log.append("end")
        assert self.work is not None, "no piece was begun"
        piece, self.work = self.work, None
        return lambda: [one() for one in piece]

    def write(self, starts: Any) -> None:
        self.log.append(starts)


class Graphs(GraphService):
    """The service."""

    recorder = Listed


def queue(work: Work) -> None:
    """Do `work`, or record it."""
    recorder = STATE.active()
    if recorder is None:
        work()
    else:
        recorder.work.append(work)
