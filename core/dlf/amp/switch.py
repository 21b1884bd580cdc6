"""Whether autocast is on, and how the rest of dlf calls it. Light: ops load it with themselves.

While `switch.on` is 0 nothing else of `dlf.amp` is asked; the first region loads it and fills in
the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..dtypes import dtype
    from .settings import Setting

__all__ = ["current", "pause", "paused", "resume", "switch"]


class _Switch:
    """`on` counts the device types in which some thread has autocast on.

    Their tables then have None for the ops in its lists, so that calls of these come to `op`.
    """

    __slots__ = ("function", "on", "op", "settles")

    op: Any  # `dlf.amp.call.call_op`
    function: Any  # `dlf.amp.call.call_function`
    settles: Any  # `dlf.amp.call.settles`

    def __init__(self) -> None:
        self.on = 0


class _Current(threading.local):
    """The calling thread's state.

    `active` maps each device type in which autocast is on to its setting; it is replaced, never
    changed, so that it can be kept and put back. `dtypes` are those that `set_autocast_dtype`
    chose.
    """

    def __init__(self) -> None:
        self.active: Mapping[str, Setting] = _OFF
        self.dtypes: dict[str, dtype] = {}
        self.cache_enabled = True
        self.nesting = 0


_OFF: Mapping[str, Any] = {}
switch = _Switch()
current = _Current()


def pause() -> Mapping[str, Setting]:
    """Switch autocast off for the calling thread; gives what `resume` takes."""
    before, current.active = current.active, _OFF
    return before


def resume(before: Mapping[str, Setting]) -> None:
    """Go on as before `pause`."""
    current.active = before


@contextmanager
def paused() -> Iterator[None]:
    """Inside the block autocast is off for the calling thread."""
    before = pause()
    try:
        yield
    finally:
        resume(before)
