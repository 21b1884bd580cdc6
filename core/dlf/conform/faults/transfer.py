"""Faults of `from_host`, `to_host` and `assign`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dtypes import float32, float64
from .fault import Array, Fault, Hands, Kernel

__all__ = ["FAULTS"]

_GROUPS = ("L0", "system", "service")


def _fault(name: str, plant: Any, why: str, needs: str = "", device: str = "*") -> Fault:
    return Fault(name, name.partition("/")[0], plant, why, device, _GROUPS, needs)


def _given(change: Any) -> Any:
    """`from_host` of ``change(host)``, an array of any dtype that is then cast to the right one."""

    def plant(kernel: Kernel, hands: Hands) -> Kernel:
        def faulty(host: Array, dtype: Any, index: int) -> Any:
            with np.errstate(all="ignore"):
                return kernel(np.array(change(host), dtype.numpy), dtype, index)

        return faulty

    return plant


def _taken(change: Any) -> Any:
    """``change(values)`` of what `to_host` gives."""

    def plant(kernel: Kernel, hands: Hands) -> Kernel:
        def faulty(a: Any) -> Any:
            with np.errstate(all="ignore"):
                return change(kernel(a))

        return faulty

    return plant


def _flushed(host: Array) -> Array:
    if host.dtype.kind != "f":
        return host
    return np.where(
        np.abs(host) < np.finfo(host.dtype).tiny, np.copysign(host.dtype.type(0), host), host
    )


def _narrow(host: Array) -> Array:
    return host.astype(np.float32) if host.dtype == np.float64 else host


def _short(host: Array) -> Array:
    return host.astype(np.int32) if host.dtype == np.int64 else host


def _quiet_zero(host: Array) -> Array:
    return host + host.dtype.type(0) if host.dtype.kind in "fc" else host


def _memory_order(a: Array) -> Array:
    return a.ravel(order="K").reshape(a.shape)


def _first_device(kernel: Kernel, hands: Hands) -> Kernel:
    return lambda host, dtype, index: kernel(host, dtype, 0)


def _shares(kernel: Kernel, hands: Hands) -> Kernel:
    """The array is the host's memory: what `to_host` gives follows what the host array holds."""
    backend = hands.device.backend
    to_host, assign = backend.to_host, backend.assign
    last: list[tuple[Any, Array]] = []

    def faulty(host: Array, dtype: Any, index: int) -> Any:
        made = kernel(host, dtype, index)
        last[:] = [(made, host)]
        return made

    def late(a: Any) -> Any:
        host = next((host for made, host in last if made is a), None)
        return to_host(a) if host is None else np.array(host)

    def forgetting(dst: Any, src: Any) -> None:
        last.clear()
        assign(dst, src)

    backend.to_host, backend.assign = late, forgetting
    return faulty


def _stale(kernel: Kernel, hands: Hands) -> Kernel:
    """Gives the host copy that an earlier call made of the same array."""
    kept: list[tuple[Any, Array]] = []

    def faulty(a: Any) -> Any:
        for array, host in kept:
            if array is a:
                return host.copy()
        kept.append((a, kernel(a).copy()))
        del kept[:-64]
        return kernel(a)

    return faulty


def _too_early(kernel: Kernel, hands: Hands) -> Kernel:
    """Reads the memory while the stream's work is still to be done."""

    def faulty(a: Any) -> Any:
        streams = hands.service("streams")
        done = streams.current_stream(hands.index).query()
        host = kernel(a)
        return host if done else np.zeros_like(host)

    return faulty


def _first_element(kernel: Kernel, hands: Hands) -> Kernel:
    def faulty(dst: Any, src: Any) -> None:
        host = hands.down(dst).copy()
        values = hands.down(src)
        if host.shape == values.shape or not host.size:
            kernel(dst, src)
            return
        host.reshape(-1)[: values.size] = values.reshape(-1)[: host.size]
        kernel(dst, hands.up(host))

    return faulty


def _overlapping(kernel: Kernel, hands: Hands) -> Kernel:
    """Copies element after element, so that a source in the same memory changes meanwhile."""

    def faulty(dst: Any, src: Any) -> None:
        if dst.shape != src.shape or not np.may_share_memory(dst, src):
            kernel(dst, src)
            return
        for place in np.ndindex(dst.shape):
            dst[place] = src[place]

    return faulty


def _other_stream(kernel: Kernel, hands: Hands) -> Kernel:
    def faulty(dst: Any, src: Any) -> None:
        streams = hands.service("streams")
        with streams.stream(streams.Stream(hands.index)):
            kernel(dst, src)

    return faulty


def _kept(kernel: Kernel, hands: Hands) -> Kernel:
    kept: list[Any] = []

    def faulty(*args: Any) -> Any:
        kept.append(kernel(*args))
        return kept[-1]

    return faulty


def _of_another_width(kernel: Kernel, hands: Hands) -> Kernel:
    def faulty(a: Any) -> Any:
        found = kernel(a)
        return float32 if found is float64 else found

    return faulty


FAULTS = (
    _fault("dtype_of/width", _of_another_width, "float64 is said to be float32"),
    _fault(
        "from_host/float64-as-float32",
        _given(_narrow),
        "the device has no float64; digits are lost silently",
    ),
    _fault(
        "from_host/int64-as-int32",
        _given(_short),
        "the device has no int64; large numbers wrap silently",
    ),
    _fault("from_host/denormals", _given(_flushed), "denormal numbers become 0 on the way"),
    _fault("from_host/zero-sign", _given(_quiet_zero), "the sign of zero is lost on the way"),
    _fault(
        "from_host/memory-order",
        _given(_memory_order),
        "a transposed host array is copied in the order of its memory",
    ),
    _fault(
        "from_host/one-dimension-too-many",
        _given(np.atleast_1d),
        "an array of no dimensions gets shape (1,)",
    ),
    _fault(
        "from_host/shares",
        _shares,
        "the host array is read late, after its owner has changed it",
        "memory of its own",
    ),
    _fault("from_host/first-device", _first_device, "everything goes to device 0", "devices"),
    _fault(
        "from_host/kept",
        _kept,
        "arrays are never given back: a cache that only grows",
        "memory counts",
    ),
    _fault("to_host/stale", _stale, "an old host copy is given after the array was written"),
    _fault(
        "to_host/too-early",
        _too_early,
        "memory is read before the stream's work is done",
        "streams",
    ),
    _fault(
        "to_host/memory-order",
        _taken(_memory_order),
        "a transposed view is copied in the order of its memory",
        device="cpu",
    ),
    _fault(
        "to_host/zero-dimensions",
        _taken(np.atleast_1d),
        "an array of no dimensions comes as shape (1,)",
    ),
    _fault(
        "to_host/float64",
        _taken(lambda a: a.astype(np.float64) if a.dtype.kind == "f" else a),
        "every float comes as float64",
    ),
    _fault(
        "assign/not-broadcast", _first_element, "a smaller source fills the first elements only"
    ),
    _fault(
        "assign/nothing",
        lambda kernel, hands: lambda dst, src: None,
        "a copy is written, and the array stays",
    ),
    _fault(
        "assign/overlapping",
        _overlapping,
        "a source that overlaps is overwritten while it is read",
        device="cpu",
    ),
    _fault(
        "assign/other-stream",
        _other_stream,
        "the write is queued on a stream that nobody waits for",
        "streams",
    ),
)
