"""What `dlf bench` measures, and how."""

from __future__ import annotations

__all__: list[str] = []
