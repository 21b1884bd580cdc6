"""Times of dlf and of PyTorch on a card, for `gpu.py`."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

__all__ = ["beside", "libraries", "places", "ready", "timed", "values"]

Work = Callable[[], object]


def libraries() -> list[ModuleType]:
    """dlf and, where it is installed and sees the card, PyTorch."""
    found = [import_module("dlf")]
    if find_spec("torch") is not None:
        torch = import_module("torch")
        if torch.cuda.is_available():
            found.append(torch)
    return found


def ready(T: ModuleType) -> None:
    """Make the card the default device of the library."""
    T.set_default_device("cuda")


def values(T: Any, *shape: int) -> Any:
    """Numbers between -1 and 1, computed on the card: drawing them could take longer."""
    return (T.arange(math.prod(shape), dtype=T.float32) * 0.7548).sin().reshape(shape)


def places(T: Any, count: int, size: int) -> Any:
    """`count` indices below `size` in an order without a pattern."""
    return T.arange(count) * 7919 % size


def timed(T: ModuleType, work: Work, seconds: float) -> float:
    """Seconds a call, the best round; calls follow each other without waiting."""
    from dlf_cli.bench.timing import measure

    return measure(work, T.cuda.synchronize, seconds).best


def beside(
    make: Callable[[ModuleType], Work],
    seconds: float,
    *,
    bytes: float = 0.0,
    flops: float = 0.0,
) -> dict[str, Any]:
    """Milliseconds and rates of the work that `make` builds with each library, and their ratio."""
    row: dict[str, Any] = {}
    times: dict[str, float] = {}
    for T in libraries():
        name = T.__name__
        ready(T)
        try:
            times[name] = timed(T, make(T), seconds)
        except Exception as error:
            if name == "dlf":
                raise
            row["torch error"] = f"{type(error).__name__}: {str(error)[:200]}"
            continue
        finally:
            T.cuda.empty_cache()
        mine = "" if name == "dlf" else "torch "
        row[f"{mine}ms"] = times[name] * 1e3
        if bytes:
            row[f"{mine}GB/s"] = bytes / times[name] / 1e9
        if flops:
            row[f"{mine}TFLOP/s"] = flops / times[name] / 1e12
    if "torch" in times:
        row["ratio"] = times["dlf"] / times["torch"]
    return row
