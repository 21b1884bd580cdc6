"""A stream that keeps its work, to be done again and again."""

from __future__ import annotations

from collections.abc import Callable

from dlf.replay import Places
from dlf_sim import capture
from dlf_sim.streams import Stream, current_stream

__all__ = ["Draws", "Tape"]


class Draws(Places):
    """The generators that a step draws from, and where their numbers begin in this replay."""

    now: tuple[tuple[int, int], ...] = ()

    def begin(self, stream: Stream, first: bool) -> None:
        """Queue the places of the replay that is queued next."""
        places = self.starts if first else self.again()

        def work() -> None:
            self.now = places

        stream.enqueue(work)


class Tape(Stream):
    """The work of a recorded step, in pieces; nothing of it is done before a piece is played.

    `constants`: whether data may come from the host meanwhile.
    """

    def __init__(self, index: int, constants: bool) -> None:
        super().__init__(index, known=False)
        self.constants = constants
        self.draws = Draws()
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

    def cut(self) -> Callable[[], None]:
        """End a piece and begin the next; gives the function that plays the one that ends."""
        piece, self._piece = self._piece, []

        def whole() -> None:
            for work in piece:
                work()

        def play() -> None:
            stream = current_stream(self.index)
            self._played = stream, stream.queued + 1
            stream.enqueue(whole)

        return play
