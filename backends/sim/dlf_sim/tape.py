"""A stream that keeps its work, to be done again and again."""

from __future__ import annotations

from collections.abc import Callable

from dlf_sim import capture
from dlf_sim.streams import Stream, current_stream

__all__ = ["Tape"]


class Tape(Stream):
    """The work of a captured step, in pieces; nothing of it is done before a piece is played."""

    def __init__(self, index: int) -> None:
        super().__init__(index, known=False)
        self._piece: list[Callable[[], None]] = []
        self._played: tuple[Stream, int] | None = None

    def enqueue(self, work: Callable[[], None]) -> int:
        """Keep `work` and give its position."""
        self._piece.append(work)
        self.queued += 1
        return self.queued

    def run(self, until: int | None = None) -> None:
        """There is nothing to wait for."""
        capture.refuse("a value was read from the device")

    def place(self, position: int) -> tuple[Stream, int]:
        """Where the work was played last."""
        return self._played or (self, position)

    def begin(self) -> None:
        """Begin a piece."""
        self._piece = []

    def end(self) -> Callable[[], None]:
        """End a piece, and give the function that plays it."""
        piece = self._piece

        def whole() -> None:
            for work in piece:
                work()

        def play() -> None:
            stream = current_stream(self.index)
            self._played = stream, stream.queued + 1
            stream.enqueue(whole)

        return play
