"""The command-line program `dlf`."""

from __future__ import annotations

__all__: list[str] = []
