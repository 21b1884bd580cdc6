"""Faults that show beyond one call: races, late streams, memory, threads."""

from __future__ import annotations

import threading
import time
from typing import Any

from .fault import Fault, Hands, Kernel

__all__ = ["FAULTS"]

_GROUPS = ("service", "system")


def _other_stream(kernel: Kernel, hands: Hands) -> Kernel:
    """Launched on a stream of its own, which nobody waits for."""

    def faulty(*args: Any) -> Any:
        streams = hands.service("streams")
        with streams.stream(streams.Stream(hands.index)):
            return kernel(*args)

    return faulty


def _default_stream(kernel: Kernel, hands: Hands) -> Kernel:
    """Launched on the device's default stream, whatever stream the caller is on."""
    default = hands.service("streams").current_stream(hands.index)

    def faulty(*args: Any) -> Any:
        with hands.service("streams").stream(default):
            return kernel(*args)

    return faulty


def _kept(kernel: Kernel, hands: Hands) -> Kernel:
    kept: list[Any] = []

    def faulty(*args: Any) -> Any:
        kept.append(kernel(*args))
        return kept[-1]

    return faulty


def _shared_scratch(kernel: Kernel, hands: Hands) -> Kernel:
    """One scratch memory for all threads, which another thread may write meanwhile."""
    scratch: list[Any] = [None]

    def faulty(*args: Any) -> Any:
        scratch[0] = kernel(*args)
        if threading.active_count() > 1:
            time.sleep(0.0005)
        return scratch[0]

    return faulty


def _reused_result(kernel: Kernel, hands: Hands) -> Kernel:
    """A result's memory is given out again while the result is in use."""
    pool: dict[Any, Any] = {}

    def faulty(*args: Any) -> Any:
        made = kernel(*args)
        key = made.shape, hands.down(made).dtype
        if key in pool:
            hands.device.backend.assign(pool[key], made)
            return pool[key]
        pool[key] = made
        return made

    return faulty


def _no_waiting(kernel: Kernel, hands: Hands) -> Any:
    class Stream(kernel):  # type: ignore[valid-type, misc]
        def wait_event(self, event: Any) -> None:
            """Does not wait."""

        def wait_stream(self, other: Any) -> None:
            """Does not wait."""

    return Stream


def _always_reached(kernel: Kernel, hands: Hands) -> Any:
    class Event(kernel):  # type: ignore[valid-type, misc]
        def query(self) -> bool:
            """Whether it was reached: yes."""
            return True

    return Event


def _in_seconds(kernel: Kernel, hands: Hands) -> Any:
    class Event(kernel):  # type: ignore[valid-type, misc]
        def elapsed_time(self, end: Any) -> float:
            """Seconds, not milliseconds."""
            return float(super().elapsed_time(end)) / 1000

    return Event


def _only_grows(kernel: Kernel, hands: Hands) -> Kernel:
    most: dict[Any, int] = {}

    def faulty(device: Any = None) -> int:
        most[str(device)] = max(most.get(str(device), 0), kernel(device))
        return most[str(device)]

    return faulty


def _first_device(kernel: Kernel, hands: Hands) -> Kernel:
    return lambda device=None: kernel(0)


FAULTS = (
    Fault(
        "add/other-stream",
        "add",
        _other_stream,
        "launched on a stream that nobody waits for",
        groups=_GROUPS,
        needs="streams",
    ),
    Fault(
        "matmul/other-stream",
        "matmul",
        _other_stream,
        "launched on a stream that nobody waits for",
        groups=_GROUPS,
        needs="streams",
    ),
    Fault(
        "matmul/default-stream",
        "matmul",
        _default_stream,
        "launched on the default stream, not the current one",
        groups=_GROUPS,
        needs="streams",
    ),
    Fault(
        "add/default-stream",
        "add",
        _default_stream,
        "launched on the default stream, not the current one",
        groups=_GROUPS,
        needs="streams",
    ),
    Fault(
        "add/kept",
        "add",
        _kept,
        "results are never given back",
        groups=_GROUPS,
        needs="memory counts",
    ),
    Fault(
        "mul/shared-scratch",
        "mul",
        _shared_scratch,
        "threads share a scratch memory",
        groups=("system",),
    ),
    Fault(
        "add/memory-reused",
        "add",
        _reused_result,
        "a result's memory is given out again too early",
        groups=_GROUPS,
    ),
    Fault(
        "streams/no-waiting",
        "streams.Stream",
        _no_waiting,
        "streams do not wait for one another",
        groups=_GROUPS,
        needs="streams",
    ),
    Fault(
        "streams/event-early",
        "streams.Event",
        _always_reached,
        "an event is reached before its work is done",
        groups=_GROUPS,
        needs="streams",
    ),
    Fault(
        "streams/seconds",
        "streams.Event",
        _in_seconds,
        "elapsed time in seconds, not milliseconds",
        groups=_GROUPS,
        needs="streams",
    ),
    Fault(
        "streams/no-synchronize",
        "streams.synchronize",
        lambda kernel, hands: lambda device=None: None,
        "synchronize returns at once",
        groups=_GROUPS,
        needs="streams",
    ),
    Fault(
        "memory/only-grows",
        "memory.memory_allocated",
        _only_grows,
        "what is freed is not taken off",
        groups=_GROUPS,
        needs="memory counts",
    ),
    Fault(
        "memory/first-device",
        "memory.memory_allocated",
        _first_device,
        "the count is that of device 0",
        groups=_GROUPS,
        needs="memory counts",
    ),
    Fault(
        "memory/nothing",
        "memory.memory_allocated",
        lambda kernel, hands: lambda device=None: 0,
        "nothing is counted",
        groups=_GROUPS,
        needs="memory counts",
    ),
    Fault(
        "memory/peak-not-reset",
        "memory.reset_peak_memory_stats",
        lambda kernel, hands: lambda device=None: None,
        "the peak is that of the whole process",
        groups=_GROUPS,
        needs="memory counts",
    ),
)
