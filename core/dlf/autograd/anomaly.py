"""Anomaly detection: names the forward line whose gradient is NaN."""

from __future__ import annotations

import traceback
from typing import Any

from .mode import set_observer

__all__ = ["detect_anomaly", "set_detect_anomaly"]


def _observe(node: Any) -> None:
    node.trace = "".join(traceback.format_stack()[:-3])


class detect_anomaly:
    """Inside the block each node remembers where it was made; a backward that gives NaN raises and
    says so."""

    def __init__(self, check_nan: bool = True) -> None:
        self._previous: list[Any] = []

    def __enter__(self) -> None:
        self._previous.append(set_observer(_observe))

    def __exit__(self, *error: Any) -> None:
        set_observer(self._previous.pop())


def set_detect_anomaly(enabled: bool, check_nan: bool = True) -> None:
    """Switch anomaly detection on or off for this thread."""
    set_observer(_observe if enabled else None)
