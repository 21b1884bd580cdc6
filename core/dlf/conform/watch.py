"""`Watch`: names a case that runs for long, and ends a run whose case hangs."""

from __future__ import annotations

import faulthandler
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from .case import Case

__all__ = ["SLOW", "Watch"]

SLOW = 10.0
"""Seconds after which a case that is still running is named."""

# How much later than the thread the interpreter's own watchdog acts, and how long the reports of a
# run that is ended may take.
_LATER = 2.0
_REPORTS = 60.0

_Result = TypeVar("_Result")


@dataclass(eq=False)
class _Running:
    case: Case
    since: float = field(default_factory=time.monotonic)


class Watch:
    """A thread that looks how long the case has been running; a context manager.

    A kernel may hang in native code, where neither a signal nor an exception reaches it, so what
    hangs can only be ended with its process. Where that code keeps the interpreter's lock as well,
    no thread runs. faulthandler's watchdog, which needs no lock, then prints the traceback, whose
    outermost line is the command that runs the case alone, and ends the process.

    Args:
        replay: gives the command that runs a case alone.
        tell: prints a line; called in the thread.
        give_up: ends the process; called in the thread with the case and how long it has run, once
            that is `timeout`.
        timeout: the longest that a case may run, in seconds; None for no limit.
        slow: after how many seconds a case is named, and again each time that has doubled.
    """

    def __init__(
        self,
        replay: Callable[[Case], str],
        tell: Callable[[str], None],
        give_up: Callable[[Case, float], None],
        timeout: float | None = None,
        slow: float = SLOW,
    ) -> None:
        self._replay, self._tell, self._give_up = replay, tell, give_up
        self._timeout, self._slow = timeout, slow
        self._every = min(0.5, slow / 4, *([timeout / 4] if timeout else []))
        self._running: _Running | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="dlf conform watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def run(self, case: Case, body: Callable[[Case], _Result]) -> _Result:
        """What `body` gives for `case`, which is watched meanwhile."""
        replay = self._replay(case)
        # faulthandler prints the files of the frames and no values: so the command is a file.
        call = compile("body(case)", replay, "eval")
        with self._lock:
            self._running = _Running(case)
            limit = self._timeout
            _arm((self._slow if limit is None else limit) + _LATER, exit=limit is not None)
        try:
            result: _Result = eval(call, {"body": body, "case": case})
            return result
        finally:
            with self._lock:
                self._running = None
                faulthandler.cancel_dump_traceback_later()

    def _look(self) -> None:
        seen: _Running | None = None
        next_told = self._slow
        while not self._ended.wait(self._every):
            with self._lock:
                now = self._running
                if now is None:
                    continue
                took = time.monotonic() - now.since
                if seen is not now:
                    seen, next_told = now, self._slow
                if self._timeout is not None and took >= self._timeout:
                    _arm(_REPORTS, exit=True)
                    self._give_up(now.case, took)  # with the lock, so that no other case begins
                    return
                if took >= next_told and self._timeout is None:
                    faulthandler.cancel_dump_traceback_later()  # this thread runs, and tells it
            if took >= next_told:
                self._tell(f"still running {now.case.name} after {took:.0f} s")
                next_told *= 2


def _arm(seconds: float, exit: bool) -> None:
    """Have the interpreter's watchdog print where the process is, and end it if `exit`."""
    try:
        where = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # no stream, or one that is no file
        where = 2
    faulthandler.dump_traceback_later(seconds, exit=exit, file=where)
