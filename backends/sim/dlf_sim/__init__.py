"""The `sim` device: NumPy made to behave like an accelerator, for tests on machines without one.

Its arrays are opaque, its two devices do not mix, its kernels run late and in stream order, its
memory is counted and can be made to run out. What works here does not lean on the host by accident.
"""

from __future__ import annotations

from dlf_sim.memory import OutOfMemoryError, inject_oom
from dlf_sim.streams import Event, Stream, StreamOrderError, current_stream, stream, synchronize

__all__ = [
    "Event",
    "OutOfMemoryError",
    "Stream",
    "StreamOrderError",
    "current_stream",
    "inject_oom",
    "stream",
    "synchronize",
]
