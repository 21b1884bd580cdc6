"""Pinned host memory: ordinary memory, handed out from a pool and read and written late.

A copy that somebody did not wait for is seen: memory is filled with rubbish before it is handed out
and when it comes back, and copies run when their stream does.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from dlf_sim import capture
from dlf_sim.handle import Buffer, SimArray, buffer_of
from dlf_sim.launch import late
from dlf_sim.streams import Event, current_stream

__all__ = ["PinnedService", "empty", "is_pinned"]

Host = npt.NDArray[Any]

_RUBBISH = 0xA5
_UNIT = 64

_free: dict[int, list[Host]] = {}
_live: dict[int, int] = {}


class _Lease:
    """Memory of the pool in use; it goes back with the last array that views it."""

    def __init__(self, memory: Host) -> None:
        memory.fill(_RUBBISH)
        self._memory, self._address = memory, int(memory.ctypes.data)
        self.__array_interface__ = memory.__array_interface__
        _live[self._address] = memory.size

    def __del__(self) -> None:
        self._memory.fill(_RUBBISH)
        del _live[self._address]
        _free[self._memory.size].append(self._memory)


def empty(shape: tuple[int, ...], dtype: Any) -> Host:
    """A host array in pinned memory, full of rubbish."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    room = max(_UNIT, -(-size // _UNIT) * _UNIT)
    try:
        memory = _free.setdefault(room, []).pop()
    except IndexError:
        memory = np.empty(room, np.uint8)
    made: Host = np.asarray(_Lease(memory))[:size].view(dtype).reshape(shape)
    return made


def is_pinned(host: Host) -> bool:
    """Whether `host` lies in pinned memory; False without elements."""
    if not host.size:
        return False
    address = int(host.ctypes.data)
    return any(start <= address < start + room for start, room in list(_live.items()))


def _check(host: Host, what: str) -> None:
    if host.size and not is_pinned(host):
        raise RuntimeError(f"{what}: the host array is not in pinned memory")


class PinnedService:
    """Pinned memory, and copies that run late; see `dlf.plugin.services.Pinned`."""

    unasked = False

    def pin(self, host: Host) -> Host:
        """A copy of `host` in pinned memory."""
        made = empty(host.shape, host.dtype)
        made[...] = host
        return made

    def is_pinned(self, host: Host) -> bool:
        """Whether `host` lies in pinned memory."""
        return is_pinned(host)

    def copy_to_device(self, host: Host, dtype: Any, index: int) -> SimArray:
        """A new array on device `index`; `host` is read when the stream gets there."""
        _check(host, "copy_to_device")
        capture.take()
        made = Buffer(host.shape, dtype.numpy, index)

        def work() -> None:
            with np.errstate(all="ignore"):
                made.array = np.array(host, dtype.numpy)

        late(current_stream(index), work, [made])
        return SimArray(made)

    def copy_to_host(self, a: SimArray, out: Host | None = None) -> tuple[Host, Event]:
        """A pinned array that gets the values of `a`, and the event after which it has them."""
        capture.refuse("a value was copied to the host")
        source = buffer_of(a)
        host = empty(source.shape, source.dtype) if out is None else out
        _check(host, "copy_to_host")
        if host.shape != source.shape or host.dtype != source.dtype:
            raise ValueError(
                f"copy_to_host: expected shape {source.shape} and {source.dtype}, got "
                f"{host.shape} and {host.dtype}"
            )
        stream = current_stream(source.index)
        stream.check(source.writer, source.position)
        late(stream, lambda: np.copyto(host, source.read()), [], source.index)
        return host, stream.record_event()
