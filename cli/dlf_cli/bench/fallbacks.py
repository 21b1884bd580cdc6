"""Counts the ops that ran on the host in the place of the device that is measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

__all__ = ["Fallbacks", "counted"]


@dataclass
class Fallbacks:
    """Calls of ops that ran on the host, bytes copied to it and back, and the calls by op."""

    calls: int = 0
    bytes: int = 0
    ops: dict[str, int] = field(default_factory=dict)


@contextmanager
def counted(into: Fallbacks | None = None) -> Iterator[Fallbacks]:
    """A block; what fell back in it is added to what it gives (`into`) when it ends."""
    from dlf import fallback

    found, before = Fallbacks() if into is None else into, fallback.report()
    yield found
    for (op, device), count in fallback.report().items():
        first = before.get((op, device), fallback.Count())
        calls = count.calls - first.calls
        if calls:
            found.calls += calls
            found.bytes += count.bytes - first.bytes
            found.ops[op] = found.ops.get(op, 0) + calls
