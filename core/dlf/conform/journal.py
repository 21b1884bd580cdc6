"""`Journal`: the report's JSON while the run goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from .report import Report, replay

if TYPE_CHECKING:
    from .case import Case
    from .result import Result

__all__ = ["Journal"]


class Journal:
    """A file that holds the results so far, and the case that is running, as whole JSON.

    It is there for a run that does not come to its end: a case that hangs, or that ends the
    process. The report's own JSON takes its place once all has run.

    Args:
        path: the file; what it held is lost.
        report: the report of no results yet.
    """

    def __init__(self, path: Path, report: Report) -> None:
        self._report = report
        head = json.dumps({**report.head(), "complete": False}, indent=1).removesuffix("\n}")
        self._file = path.open("wb")
        self._file.write(f'{head},\n "cases": ['.encode())
        self._end = self._file.tell()
        self._separator = "\n  "

    def start(self, case: Case) -> None:
        """`case` begins."""
        of = self._report
        command = replay(of.device, case, of.seed, of.level, of.strict)
        self._close_with(json.dumps({"name": case.name, "replay": command}))

    def add(self, result: Result) -> None:
        """The running case has ended."""
        self._file.seek(self._end)
        self._file.write((self._separator + json.dumps(self._report.row(result))).encode())
        self._end = self._file.tell()
        self._separator = ",\n  "
        self._close_with("null")

    def close(self) -> None:
        """Leave the file as it is."""
        self._file.close()

    def _close_with(self, running: str) -> None:
        """What makes the file whole; the next result is written over it."""
        self._file.seek(self._end)
        self._file.write(f'\n ],\n "running": {running}\n}}\n'.encode())
        self._file.truncate()
        self._file.flush()
