"""Random numbers of a captured step: new ones in every replay.

A recorded kernel cannot be given another place in its generator's stream. So it takes the place
from two parts: what the recording fixed, the distance from where the step began to draw, and what
each replay sets anew, where it begins now. `Places` keeps both.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TypeAlias

from ..generator import Generator, listening
from .state import CaptureError

__all__ = ["Places", "Starts"]

Starts: TypeAlias = tuple[tuple[int, int], ...]
"""Where each generator begins: seed and offset."""


class Places:
    """The places that a step reserves while it is recorded, generator by generator."""

    def __init__(self) -> None:
        self._generators: list[Generator] = []
        self._starts: list[tuple[int, int]] = []
        self._steps: list[int] = []
        # Whose place begins at a seed and an offset; the last to reserve it.
        self._owners: dict[tuple[int, int], int] = {}

    def recording(self) -> AbstractContextManager[None]:
        """Within the block, note what this thread reserves.

        CaptureError there for a generator that is seeded, or set, between two draws.
        """
        return listening(self._told)

    def _told(self, generator: Generator, seed: int, offset: int, steps: int) -> None:
        at = next((k for k, one in enumerate(self._generators) if one is generator), None)
        if at is None:
            at = len(self._generators)
            self._generators.append(generator)
            self._starts.append((seed, offset))
            self._steps.append(0)
        start = self._starts[at]
        if (seed, (offset - self._steps[at]) % 2**64) != start:
            raise CaptureError(
                f"{generator!r} was seeded, or its state set, between two draws of a step that is "
                "being captured; every replay would draw the same numbers. Do it outside"
            )
        self._steps[at] += steps
        self._owners[seed, offset] = at

    def find(self, seed: int, offset: int) -> tuple[int, int]:
        """Which generator the place is of, counted from 0, and how far it is from its start.

        Raises:
            CaptureError: it was not reserved in the recording.
        """
        at = self._owners.get((seed, offset))
        if at is None:
            raise CaptureError(
                f"the place {offset} of the random numbers of seed {seed} was reserved before the "
                "step was captured; every replay would draw the same numbers. Reserve it within"
            )
        return at, (offset - self._starts[at][1]) % 2**64

    @property
    def starts(self) -> Starts:
        """Where each generator began in the recording: seed and offset."""
        return tuple(self._starts)

    def again(self) -> Starts:
        """Reserve as much for one more replay, and give where it begins, as `starts` does."""
        pairs = zip(self._generators, self._steps, strict=True)
        return tuple([each._reserve(4 * steps) for each, steps in pairs])
