"""Expected failures: cases that a backend's authors know to be wrong.

A file of them has one glob of case names a line, and after ``#`` the reason::

    sum/float16/*        # the library sums in float16; reported to it
    sort/*/nan

An expected failure that passes is an error, so that the list never outlives what it lists.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

__all__ = ["Expected", "expectations", "expected", "read_expected"]


@dataclass(frozen=True, slots=True)
class Expected:
    """Cases that are expected to fail: a glob of their names, and why."""

    pattern: str
    reason: str = ""


def expectations(lines: Iterable[str | Expected]) -> tuple[Expected, ...]:
    """Expected failures from the lines of a file; empty lines and comments are left out."""
    return tuple(
        found
        for line in lines
        for found in ((line,) if isinstance(line, Expected) else _parsed(line))
    )


def _parsed(line: str) -> tuple[Expected, ...]:
    pattern, _, why = line.partition("#")
    return (Expected(pattern.strip(), why.strip()),) if pattern.strip() else ()


def read_expected(path: str | Path) -> tuple[Expected, ...]:
    """The expected failures that the file at `path` lists; OSError where it cannot be read."""
    return expectations(Path(path).read_text("utf-8").splitlines())


def expected(name: str, among: Iterable[Expected]) -> Expected | None:
    """The first of `among` whose glob matches the case `name`."""
    return next((one for one in among if fnmatchcase(name, one.pattern)), None)
