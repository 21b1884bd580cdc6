"""Whether a thread is capturing a step, which those that may not run meanwhile ask."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .recorder import Recorder

__all__ = ["CaptureError", "CaptureState"]


class CaptureError(RuntimeError):
    """A step did something while it was being captured that a replay cannot repeat."""


class CaptureState(threading.local):
    """What records a thread's work on the devices of one type. A backend has one such object."""

    _current: Recorder | None = None

    # A kernel asks its own backend's recorder for what only that one has.
    def active(self) -> Any:
        """The `Recorder` that records this thread's work; None where it runs."""
        return self._current

    def begin(self, recorder: Any) -> None:
        """`recorder` records this thread's work from now on."""
        self._current = recorder

    def end(self) -> None:
        """This thread's work runs from now on."""
        self._current = None

    def refuse(self, what: str) -> None:
        """CaptureError if this thread is capturing a step; `what` was done then, as a clause."""
        if self._current is not None:
            raise CaptureError(
                f"{what} while a step is being captured, when nothing is computed yet: do it with "
                "the result of the captured step, or outside of it"
            )

    def take(self) -> None:
        """CaptureError if this thread is capturing a step that may not take data from the host."""
        if self._current is not None and not self._current.constants:
            raise CaptureError(
                "data went from the host to the device while a step was being captured: every "
                "replay would see the values of now, random numbers among them. Give the data to "
                "the step as an argument, make it before, or say "
                f"dlf.{self._current.device_type}.graph(step, constants=True) where it never "
                "changes"
            )
