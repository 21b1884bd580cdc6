"""The host fallback: whether it may happen, and a count of what did."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock, local
from typing import Any

__all__ = ["Count", "carried", "fallback_policy", "get_policy", "note", "report", "reset"]

POLICIES = ("error", "warn", "allow")


class _Policy(local):
    override: str | None = None


_policy = _Policy()
_lock = Lock()
_counts: dict[tuple[str, str], Count] = {}


@dataclass
class Count:
    """How often an op of a device ran on the host, and the bytes copied both ways."""

    calls: int = 0
    bytes: int = 0


def get_policy() -> str:
    """``error``, ``warn`` or ``allow``: the innermost `fallback_policy`, else ``DLF_FALLBACK``,
    else error."""
    if _policy.override is not None:
        return _policy.override
    return _checked(os.environ.get("DLF_FALLBACK", "error"))


def _checked(name: str) -> str:
    if name not in POLICIES:
        raise ValueError(f"fallback policy {name!r}: expected one of {', '.join(POLICIES)}")
    return name


@contextmanager
def fallback_policy(name: str) -> Iterator[None]:
    """Inside the block, this thread's ops that a device lacks do `name`: ``error``, ``warn`` or
    ``allow``."""
    before = _policy.override
    _policy.override = _checked(name)
    try:
        yield
    finally:
        _policy.override = before


def carried(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` for another thread, in which it runs under this thread's policy of now."""
    name = _policy.override

    def run(*args: Any) -> Any:
        _policy.override = name
        return function(*args)

    return run


def note(op: str, device: str, copied: int) -> None:
    """Count one op run on the host."""
    with _lock:
        count = _counts.setdefault((op, device), Count())
        count.calls += 1
        count.bytes += copied
        first = count.calls == 1
    if first and get_policy() == "warn":
        warnings.warn(
            f"{op} has no kernel on {device} and runs on the host", RuntimeWarning, stacklevel=2
        )


def report() -> dict[tuple[str, str], Count]:
    """What ran on the host so far: (op, device) to calls and bytes."""
    with _lock:
        return {key: Count(c.calls, c.bytes) for key, c in _counts.items()}


def reset() -> None:
    """Forget the counts."""
    with _lock:
        _counts.clear()
