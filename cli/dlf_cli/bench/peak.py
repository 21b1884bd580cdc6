"""The machine's measured peak: the fastest matrix product and the fastest copy that it gives."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlf_cli.bench.timing import measure

if TYPE_CHECKING:
    import dlf

__all__ = ["Peak", "measure_peak"]

_LONG_ENOUGH = 0.01


@dataclass(frozen=True)
class Peak:
    """A matrix product's operations a second, and a copy's bytes read and written a second."""

    flops: float
    bytes: float

    def best(self, other: Peak) -> Peak:
        """The better of two measurements, each rate for itself."""
        return Peak(max(self.flops, other.flops), max(self.bytes, other.bytes))


def measure_peak(
    device: dlf.device, dtype: dlf.dtype, synchronize: Callable[[], Any], seconds: float
) -> Peak:
    """Measure both on `device`; the product in `dtype` if it is a floating one, else in float32."""
    import dlf

    kind = dtype if dtype.is_floating_point else dlf.float32
    return Peak(_matmul(device, kind, synchronize, seconds), _copy(device, synchronize, seconds))


def _matmul(
    device: dlf.device, dtype: dlf.dtype, synchronize: Callable[[], Any], seconds: float
) -> float:
    """The best of growing sizes, until one call is long enough to hide what it costs to start."""
    import dlf

    best, n = 0.0, 256
    while True:
        a, b = dlf.rand(n, n, device=device).to(dtype), dlf.rand(n, n, device=device).to(dtype)
        time = measure(lambda a=a, b=b: a @ b, synchronize, seconds / 4).best  # type: ignore[misc]  # bound now, not later
        best = max(best, 2.0 * n**3 / time)
        if n >= 1024 and (time > _LONG_ENOUGH or n >= 8192):
            return best
        n *= 2


def _copy(device: dlf.device, synchronize: Callable[[], Any], seconds: float) -> float:
    """The best rate of a copy larger than the caches: one thread and, on the CPU, all of them."""
    import dlf

    elements = 1 << 24
    counts = sorted({1, os.cpu_count() or 1}) if device.type == "cpu" else [1]
    best = 0.0
    while True:
        source = dlf.rand(elements, device=device)
        target = dlf.zeros(elements if device.type == "cpu" else 0, device=device)
        for threads in counts:
            run = _copier(source, target, threads)
            time = measure(run, synchronize, seconds / len(counts)).best
            best = max(best, 8.0 * elements / time)
        if time > _LONG_ENOUGH / 2 or elements >= 1 << 28:
            return best
        elements *= 4


def _copier(source: dlf.Tensor, target: dlf.Tensor, threads: int) -> Callable[[], Any]:
    """A function that copies `source` into `target`, each of `threads` threads its own part.

    On devices but the CPU it makes a new array of `source` negated, and `target` is not used.
    """
    if source.device.type != "cpu":
        # Where arrays are never changed, a copy need not move anything; a change of sign must.
        return lambda: -source
    if threads == 1:
        return lambda: target.copy_(source)
    parts = list(zip(target.chunk(threads), source.chunk(threads), strict=True))

    def run() -> None:
        workers = [threading.Thread(target=to.copy_, args=(part,)) for to, part in parts]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    return run
