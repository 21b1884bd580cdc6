"""Faults of pinned memory, and of copies between devices of one type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .fault import Array, Fault, Hands, Kernel, Plant

__all__ = ["FAULTS"]


# ------------------------------------------------------------------ pinned memory
def _one_buffer(kernel: Kernel, hands: Hands) -> Kernel:
    """One buffer for all arrays of a size, written anew each time."""
    kept: dict[Any, Array] = {}

    def faulty(host: Array) -> Array:
        key = host.shape, host.dtype
        if key not in kept:
            kept[key] = kernel(host)
        kept[key][...] = host
        return kept[key]

    return faulty


def _memory_order(kernel: Kernel, hands: Hands) -> Kernel:
    return lambda host: kernel(host.ravel(order="K").reshape(host.shape))


def _in_float32(kernel: Kernel, hands: Hands) -> Kernel:
    def faulty(host: Array) -> Array:
        made = kernel(host)
        if host.dtype == np.float64:
            made[...] = host.astype(np.float32)
        return made

    return faulty


def _said(answer: bool) -> Plant:
    return lambda kernel, hands: lambda host: answer


def _earlier(kernel: Kernel, hands: Hands) -> Kernel:
    """The copy that an earlier call made of an array of this shape."""
    kept: dict[Any, Any] = {}

    def faulty(host: Array, dtype: Any, index: int) -> Any:
        key = host.shape, dtype.name, index
        before = kept.get(key)
        kept[key] = kernel(host, dtype, index)
        return kept[key] if before is None else before

    return faulty


def _first_device(kernel: Kernel, hands: Hands) -> Kernel:
    return lambda host, dtype, index: kernel(host, dtype, 0)


def _memory_of_the_base(kernel: Kernel, hands: Hands) -> Kernel:
    """The bytes from the first element on, whatever the strides are."""

    def faulty(host: Array, dtype: Any, index: int) -> Any:
        if host.flags.c_contiguous or not host.size:
            return kernel(host, dtype, index)
        made = hands.service("pinned").pin(host)
        made[...] = host.ravel(order="K").reshape(host.shape)
        return kernel(made, dtype, index)

    return faulty


def _unread(kernel: Kernel, hands: Hands) -> Kernel:
    """Nothing keeps the source: its memory is used anew before it was read."""

    def faulty(host: Array, dtype: Any, index: int) -> Any:
        source = hands.service("pinned")
        made = kernel(source.pin(host), dtype, index)
        # What a pool would hand out next.
        return made if host.base is None else kernel(source.pin(np.zeros_like(host)), dtype, index)

    return faulty


def _other_stream(kernel: Kernel, hands: Hands) -> Kernel:
    """Queued on a stream of its own, which nobody waits for."""

    def faulty(*args: Any) -> Any:
        streams = hands.service("streams")
        with streams.stream(streams.Stream(hands.index)):
            return kernel(*args)

    return faulty


def _too_early(kernel: Kernel, hands: Hands) -> Kernel:
    """Reads the device's memory before the stream's work is done."""

    def faulty(a: Any, out: Array | None = None) -> Any:
        busy = not hands.service("streams").current_stream(hands.index).query()
        return kernel(hands.up(np.zeros(a.shape, hands.down(a).dtype)) if busy else a, out)

    return faulty


def _event_before(kernel: Kernel, hands: Hands) -> Kernel:
    """The event is recorded before the copy."""

    def faulty(a: Any, out: Array | None = None) -> Any:
        streams = hands.service("streams")
        event = streams.Event()
        event.record(streams.current_stream(hands.index))
        return kernel(a, out)[0], event

    return faulty


def _one_result(kernel: Kernel, hands: Hands) -> Kernel:
    """One buffer for the results of a shape, which the next copy overwrites."""
    kept: dict[Any, Array] = {}

    def faulty(a: Any, out: Array | None = None) -> Any:
        dtype = hands.device.backend.dtype_of(a)
        key = a.shape, dtype.name
        host, event = kernel(a, kept.get(key) if out is None else out)
        if out is None:
            kept[key] = host
        return host, event

    return faulty


def _beside(kernel: Kernel, hands: Hands) -> Kernel:
    """A new array, whatever array was given."""
    return lambda a, out=None: kernel(a)


# ------------------------------------------------------------------ copies between devices
def _between(make: Callable[[Kernel, Hands], Kernel]) -> Plant:
    """A fault of `to_index`; what stands beside the method that a fault names is put back too."""

    def plant(kernel: Kernel, hands: Hands) -> Kernel:
        backend = hands.device.backend
        backend.to_index = make(backend.to_index, hands)
        return kernel

    return plant


def _wrong_index(kernel: Kernel, hands: Hands) -> Kernel:
    count = hands.device.backend.device_count()
    return lambda a, index: kernel(a, (index + 1) % count)


def _same_array(kernel: Kernel, hands: Hands) -> Kernel:
    return lambda a, index: a


def _stale(kernel: Kernel, hands: Hands) -> Kernel:
    """The copy that an earlier call made of the same array."""
    kept: list[tuple[Any, int, Any]] = []

    def faulty(a: Any, index: int) -> Any:
        for array, where, made in kept:
            if array.shape == a.shape and where == index:
                return made
        kept.append((a, index, kernel(a, index)))
        return kept[-1][2]

    return faulty


def _without_order(kernel: Kernel, hands: Hands) -> Kernel:
    """On a stream of its own there, for which the current one does not wait."""

    def faulty(a: Any, index: int) -> Any:
        streams = hands.service("streams")
        with streams.stream(streams.Stream(index)):
            return kernel(a, index)

    return faulty


def _nothing_copied(kernel: Kernel, hands: Hands) -> Kernel:
    """The memory is there, and nothing was written into it."""
    backend = hands.device.backend

    def faulty(a: Any, index: int) -> Any:
        host = hands.down(a)
        return backend.from_host(np.zeros_like(host), backend.dtype_of(a), index)

    return faulty


def _fault(name: str, op: str, plant: Plant, why: str, needs: str = "") -> Fault:
    return Fault(name, op, plant, why, groups=("service",), needs=needs)


FAULTS = (
    _fault("pinned/one-buffer", "pinned.pin", _one_buffer, "pinned memory is handed out twice"),
    _fault(
        "pinned/ordinary",
        "pinned.pin",
        lambda kernel, hands: lambda host: np.array(host, order="C"),
        "the copy is in ordinary memory",
    ),
    _fault(
        "pinned/itself",
        "pinned.pin",
        lambda kernel, hands: lambda host: host,
        "nothing is copied: the source itself is given",
    ),
    _fault(
        "pinned/memory-order",
        "pinned.pin",
        _memory_order,
        "a transposed array is pinned in the order of its memory",
    ),
    _fault("pinned/float64", "pinned.pin", _in_float32, "digits of float64 are lost"),
    _fault("pinned/always", "pinned.is_pinned", _said(True), "all memory counts as pinned"),
    _fault("pinned/never", "pinned.is_pinned", _said(False), "no memory counts as pinned"),
    _fault(
        "pinned/to-device-stale",
        "pinned.copy_to_device",
        _earlier,
        "the copy of an earlier array of that shape is given",
    ),
    _fault(
        "pinned/to-device-first",
        "pinned.copy_to_device",
        _first_device,
        "everything goes to device 0",
        "devices",
    ),
    _fault(
        "pinned/to-device-strides",
        "pinned.copy_to_device",
        _memory_of_the_base,
        "a view is copied in the order of its memory",
    ),
    _fault(
        "pinned/to-device-unread",
        "pinned.copy_to_device",
        _unread,
        "memory of a source that was let go is read when it is another's",
    ),
    _fault(
        "pinned/to-device-stream",
        "pinned.copy_to_device",
        _other_stream,
        "the copy is queued on a stream that nobody waits for",
        "streams",
    ),
    _fault(
        "pinned/to-host-early",
        "pinned.copy_to_host",
        _too_early,
        "memory is read before the stream's work is done",
        "streams",
    ),
    _fault(
        "pinned/to-host-event",
        "pinned.copy_to_host",
        _event_before,
        "the event is reached before the values are there",
        "streams",
    ),
    _fault(
        "pinned/to-host-one-buffer",
        "pinned.copy_to_host",
        _one_result,
        "the next copy overwrites the result of the last",
    ),
    _fault(
        "pinned/to-host-beside",
        "pinned.copy_to_host",
        _beside,
        "the array that was given stays as it is",
    ),
    _fault(
        "to_index/wrong-device",
        "from_host",
        _between(_wrong_index),
        "the copy is on another device than was asked for",
        "devices",
    ),
    _fault(
        "to_index/same-array",
        "from_host",
        _between(_same_array),
        "the array stays where it is",
        "devices",
    ),
    _fault("to_index/stale", "from_host", _between(_stale), "an old copy is given", "devices"),
    _fault(
        "to_index/no-order",
        "from_host",
        _between(_without_order),
        "the stream of the other device does not wait for the copy",
        "devices",
    ),
    _fault(
        "to_index/nothing",
        "from_host",
        _between(_nothing_copied),
        "without access to the other's memory nothing is copied",
        "devices",
    ),
)
