"""A step recorded once and replayed: the queued work is kept and queued again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from dlf import plugin
from dlf_sim import capture
from dlf_sim.streams import Stream, current_stream, stream
from dlf_sim.tape import Tape

__all__ = ["GraphService", "Recorder"]

Starts = tuple[tuple[int, int], ...]


class Recorder(plugin.Recorder):
    """Keeps what a thread queues on a tape.

    `starts` is where the generators begin in the replay whose work is being done.
    """

    device_type = "sim"
    state = capture.STATE

    def __init__(self, index: int, constants: bool = False) -> None:
        super().__init__(index, constants)
        self.tape = Tape(index)
        self.starts: Starts = ()

    def queued(self) -> AbstractContextManager[Stream]:
        """The tape is the current stream."""
        return stream(self.tape)

    def begin(self) -> None:
        """Begin a piece of the tape."""
        self.tape.begin()

    def end(self) -> Callable[[], None]:
        """End it; it is played on the stream that is current then."""
        return self.tape.end()

    def write(self, starts: Starts) -> None:
        """Queue that `starts` is this one: replays before it may not have been done yet."""

        def work() -> None:
            self.starts = starts

        current_stream(self.index).enqueue(work)


class GraphService(plugin.GraphService):
    """Recording steps; see `dlf.plugin.services.Graphs`."""

    recorder = Recorder
