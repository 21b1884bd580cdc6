"""The conformance tests on a card, shared out to several processes, for `gpu.py`."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["SHARDS", "shards"]

SHARDS = 6
Row = dict[str, Any]


def shards(seconds: float) -> Iterator[tuple[str, Callable[[], Row]]]:
    """A row for each process: most of the time is spent compiling, which they do side by side."""
    for shard in range(SHARDS):
        yield f"cases {shard + 1} of {SHARDS}", lambda shard=shard: _cases(shard)


def _cases(shard: int) -> Row:
    import dlf.nn
    import dlf.optim  # noqa: F401  # both declare ops
    from dlf.conform import Runner

    until = float(os.environ.get("DLF_GPU_UNTIL", "inf"))
    runner = Runner("cuda", level="L2")
    counts: Counter[str] = Counter()
    failures: list[str] = []
    for case in runner.cases("*", "*")[shard::SHARDS]:
        if time.time() > until:
            counts["not run"] += 1
            continue
        result = runner.one(case)
        counts[str(result.status)] += 1
        if result.bad:
            failures.append(f"{case.name}: {str(result.reason)[:300]}")
    row: Row = {"counts": dict(counts), "failures": failures}
    if failures:
        row["error"] = f"{len(failures)} cases failed, first {failures[0]}"
    elif counts["not run"]:
        row["error"] = f"no time was left for {counts['not run']} cases"
    return row
