"""Bytes for people."""

from __future__ import annotations

__all__ = ["readable"]


def readable(count: int) -> str:
    """`count` bytes in the largest fitting unit, such as ``"1.50 GiB"``."""
    for power, unit in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if count >= 1 << 10 * power:
            return f"{count / (1 << 10 * power):.2f} {unit}"
    return f"{count} bytes"
