"""Timing of repeated calls."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Timing", "measure"]


@dataclass(frozen=True)
class Timing:
    """Seconds a call: the best round and the median one, of `rounds` rounds of `calls` calls."""

    best: float
    median: float
    rounds: int
    calls: int


def measure(
    run: Callable[[], Any],
    synchronize: Callable[[], Any],
    seconds: float = 1.0,
    most_rounds: int = 50,
) -> Timing:
    """Call `run` for about `seconds`, in rounds long enough for the clock, after a warm-up."""
    run()
    synchronize()
    begin = time.perf_counter()
    run()
    synchronize()
    once = time.perf_counter() - begin
    calls = max(1, min(100_000, int(0.02 / max(once, 1e-7))))
    times: list[float] = []
    deadline = time.perf_counter() + seconds
    while len(times) < most_rounds and (len(times) < 3 or time.perf_counter() < deadline):
        begin = time.perf_counter()
        for _ in range(calls):
            run()
        synchronize()
        times.append((time.perf_counter() - begin) / calls)
    return Timing(min(times), statistics.median(times), len(times), calls)
