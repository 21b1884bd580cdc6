"""Handles of registered hooks."""

from __future__ import annotations

from typing import Any

__all__ = ["Handle"]


class Handle:
    """What registering a hook returns; `remove` takes the hook back, also at the end of a
    ``with``."""

    def __init__(self, hooks: list[Any], hook: Any) -> None:
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        """Take the hook back; a second call does nothing."""
        for i, h in enumerate(self._hooks):
            if h is self._hook:
                del self._hooks[i]
                break
        self._hooks, self._hook = [], None

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *error: Any) -> None:
        self.remove()
