"""Keeps what plugins print out of standard output.

That belongs to the program, which may print JSON there for another program to read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

__all__ = ["Aside", "quiet"]

_lock = Lock()
_blocks: list[Aside] = []
_before: Any = None


class Aside:
    """Standard error, where standard output was; `used` says whether anything was printed."""

    def __init__(self) -> None:
        self.used = False

    def write(self, text: str) -> int:
        self.used = self.used or bool(text)
        return sys.stderr.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


@contextmanager
def quiet() -> Iterator[Aside]:
    """A block in which Python's standard output goes to standard error.

    Blocks of several threads may overlap in any order; the last one to end restores it.
    """
    global _before
    aside = Aside()
    with _lock:
        if not _blocks:
            _before = sys.stdout
        _blocks.append(aside)
        _set(aside)
    try:
        yield aside
    finally:
        with _lock:
            _blocks.remove(aside)
            _set(_blocks[-1] if _blocks else _before)


def _set(stream: Any) -> None:
    sys.stdout = stream
