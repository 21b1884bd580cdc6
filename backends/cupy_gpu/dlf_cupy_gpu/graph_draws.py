"""Where the kernels of a captured step draw their random numbers: anew in each replay."""

from __future__ import annotations

from typing import Any

from dlf.plugin import Places
from dlf_cupy_gpu import lazy

__all__ = ["Draws", "Starts"]

Starts = tuple[tuple[int, int], ...]


class Draws:
    """An array on the card for each generator that a step draws from, which says where its numbers
    begin in this replay.

    Kernels read the array when they run, and add to it how far from there their own place is.

    Args:
        places: what the step reserves while it is recorded.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._states: dict[int, Any] = {}
        self._written: dict[int, tuple[int, int]] = {}

    def place(self, seed: int, offset: int) -> tuple[Any, int]:
        """The array, int64 seed and offset, of the generator with that place, and how far on it is.

        CaptureError for a place that was not reserved in the recording.
        """
        generator, distance = self._places.find(seed, offset)
        state = self._states.get(generator)
        if state is None:
            state = self._states[generator] = lazy.cupy().ndarray((2,), "int64")
        return state, distance

    def write(self, starts: Starts) -> None:
        """Queue that the generators begin at `starts`, for what is queued after it.

        The numbers go as arguments of a launch: there is no host memory that a replay further on
        could write before the card has read it.
        """
        for generator, state in self._states.items():
            start = starts[generator]
            before = self._written.get(generator, (None, None))
            for at, (new, old) in enumerate(zip(start, before, strict=True)):
                if new != old:
                    state[at : at + 1].fill(new - (1 << 64) if new >> 63 else new)
            self._written[generator] = start
