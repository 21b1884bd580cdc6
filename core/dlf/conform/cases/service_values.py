"""What the cases of copies share: host arrays of every dtype in odd shapes, and the copies."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ...devices import device as Device
from ...dtypes import dtype_named
from ..subject import Subject
from .service import service

__all__ = ["SHAPES", "fetched", "in_pinned", "landed", "sent", "settle", "several", "values"]

Array = npt.NDArray[Any]

SHAPES: tuple[tuple[int, ...], ...] = ((3, 5), (), (1,), (0, 4), (2, 1, 7), (1031,))


def values(subject: Subject, dtype: str, shape: tuple[int, ...]) -> Array:
    """Random values of `dtype`, small and whole in the dtypes of up to 32 bits, and otherwise such
    that no narrower dtype holds them."""
    kind = dtype_named(dtype)
    whole: Array = np.asarray(subject.rng.integers(0, 2 if dtype == "bool" else 100, shape))
    if dtype == "int64":
        return np.asarray(whole + 2**40)
    if dtype in ("float64", "complex128"):
        whole = whole + 1 / 3
    if kind.is_complex:
        whole = whole + 1j * subject.rng.integers(0, 100, shape)
    return np.asarray(whole).astype(kind.numpy)


def several(subject: Subject) -> Iterator[Array]:
    """Values of each dtype that the device stores, in each shape."""
    for dtype in sorted(subject.backend.caps.dtypes):
        for shape in SHAPES:
            yield values(subject, dtype, shape)


def settle(subject: Subject) -> None:
    """Wait for all work of the device; one without streams has none left."""
    streams = subject.backend.services.get("streams")
    if hasattr(streams, "synchronize"):
        streams.synchronize()


def in_pinned(subject: Subject, host: Any) -> Any:
    """`host`'s values as a tensor in memory that is pinned for the device."""
    from ... import from_numpy

    service(subject, "pinned", "pin", "is_pinned")
    return from_numpy(host).pin_memory(subject.device)


def sent(subject: Subject, tensor: Any) -> Any:
    """`tensor`, which is pinned, on the device; the host does not wait."""
    service(subject, "pinned", "copy_to_device")
    return tensor.to(subject.device, non_blocking=True)


def fetched(subject: Subject, tensor: Any) -> Any:
    """`tensor`, which is on the device, in pinned memory; the host does not wait."""
    service(subject, "pinned", "copy_to_host")
    return tensor.to("cpu", non_blocking=True)


def landed(subject: Subject, where: Device, copy: Callable[[], Any]) -> Any:
    """What `copy` gives: a tensor on `where`, and in its memory, as far as that is counted."""
    memory = subject.backend.services.get("memory")
    counted = hasattr(memory, "memory_allocated")
    gc.collect()
    settle(subject)
    before = memory.memory_allocated(where.index) if counted else 0
    made = copy()
    assert made.device is where, f"a copy to {where} is on {made.device}"
    if counted:
        grown = memory.memory_allocated(where.index) - before
        assert grown >= made.nbytes, f"a copy to {where} is not in its memory"
    return made
