"""Whether this thread is recording a step, which those that may not run in one ask."""

from __future__ import annotations

import threading
from typing import Any

__all__ = ["CaptureError", "active", "recording", "refuse", "take"]


class CaptureError(RuntimeError):
    """A step did something while it was being recorded that a replay cannot repeat."""


class _State(threading.local):
    current: Any = None


_state = _State()


def active() -> Any:
    """What records this thread's kernels; None where they are queued."""
    return _state.current


def recording(recorder: Any) -> None:
    """`recorder` records this thread's kernels from now on; None: they are queued again."""
    _state.current = recorder


def refuse(what: str) -> None:
    """CaptureError if this thread is recording."""
    if _state.current is not None:
        raise CaptureError(
            f"{what} while a step is being recorded, when nothing is computed yet: do it with the "
            "result of the recorded step, or outside of it"
        )


def take() -> None:
    """CaptureError if this thread is recording and may not take data from the host."""
    if _state.current is not None and not _state.current.constants:
        raise CaptureError(
            "data went from the host to the device while a step was being recorded: every replay "
            "would see the values of now, random numbers among them. Give the data to the step as "
            "an argument, make it before, or say graph(step, constants=True) where it never changes"
        )
