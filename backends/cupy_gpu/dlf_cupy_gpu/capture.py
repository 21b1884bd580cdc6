"""Whether this thread is recording a graph, which those that may not run in one ask."""

from __future__ import annotations

import threading
from typing import Any

__all__ = ["CaptureError", "active", "begin", "end"]


class CaptureError(RuntimeError):
    """A step did something while it was being captured that a graph cannot repeat."""


class _State(threading.local):
    current: Any = None


_state = _State()


def active() -> Any:
    """What records this thread's kernels; None where they run."""
    return _state.current


def begin(recorder: Any) -> None:
    """`recorder` records this thread's kernels from now on."""
    _state.current = recorder


def end() -> None:
    """This thread's kernels run from now on."""
    _state.current = None
