"""Helpers beside the core: `dlf.utils.data` loads data."""

from __future__ import annotations

__all__: list[str] = []
