"""`Finding`: one thing that was looked at, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Level", "error", "ok", "warning"]

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the report.

    Args:
        level: ``"ok"``, ``"warning"`` or ``"error"``.
        check: what was looked at, in a word.
        text: what was found.
        todo: what to do; empty where nothing is to be done.
    """

    level: Level
    check: str
    text: str
    todo: str = ""

    def __str__(self) -> str:
        return f"{self.text}; {self.todo}" if self.todo else self.text


def ok(check: str, text: str) -> Finding:
    """Nothing to do."""
    return Finding("ok", check, text)


def warning(check: str, text: str, todo: str) -> Finding:
    """It works here, but perhaps not for everybody."""
    return Finding("warning", check, text, todo)


def error(check: str, text: str, todo: str) -> Finding:
    """It does not work, or harms others."""
    return Finding("error", check, text, todo)
