"""The coverage matrix: for each op, where its kernel comes from and how its cases ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ..registry import registry
from .result import STATUSES, Result
from .subject import Subject

__all__ = ["SOURCES", "Coverage", "matrix", "untested"]

SOURCES = ("native", "overlay", "decomposed", "fallback", "missing")


@dataclass(frozen=True, slots=True)
class Coverage:
    """A row of the matrix.

    `source` is one of `SOURCES` and `origin` the plugin that the kernel comes from; the counts are
    those of `STATUSES`.
    """

    op: str
    kind: str
    source: str
    origin: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    xfailed: int = 0
    xpassed: int = 0


def matrix(subject: Subject, results: Iterable[Result]) -> list[Coverage]:
    """A row for each op, by source and name.

    That a required kernel is there says nothing of what it computes, and does not count as passed.
    """
    counts: dict[str, Counter[str]] = {}
    for one in results:
        if one.bad or not one.case.name.startswith("required/"):
            counts.setdefault(one.case.op, Counter())[one.status] += 1
    rows = []
    for op in registry:
        origin = subject.device.origins[op.slot]
        if op.kind != "internal":
            found = counts.get(op.name, Counter())
            tally = {status: found[status] for status in STATUSES}
            rows.append(Coverage(op.name, op.kind, origin.source, origin.origin, **tally))
    return sorted(rows, key=lambda row: (SOURCES.index(row.source), row.op))


def untested(rows: Iterable[Coverage], level: str | None = None) -> list[str]:
    """The ops with a kernel of the device's own that no case of `level` ran."""
    return [
        row.op
        for row in rows
        if row.source in ("native", "overlay")
        and (row.kind == "primitive" or level != "L1")
        and not row.passed + row.failed + row.xfailed + row.xpassed
    ]
