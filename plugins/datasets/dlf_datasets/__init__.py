"""The datasets that come with dlf, registered through the plugin door like anybody's."""

from __future__ import annotations

__all__: list[str] = []
