"""Pinned host memory, and copies that the host does not wait for."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from dlf_cupy_gpu import capture, lazy
from dlf_cupy_gpu.devices import index_of, on
from dlf_cupy_gpu.waits import waiting

__all__ = ["PinnedService", "from_host", "is_pinned", "pinned", "to_host"]

Host = npt.NDArray[Any]

_handed_out = False
_landing: deque[tuple[Any, Host]] = deque()
"""Host arrays that cards are writing, each with the event after which its card has done so. The
pool would hand the memory of one that is let go to somebody else."""


def pinned(host: Host) -> Host:
    """A copy of `host` in pinned memory, which cards read and write by themselves."""
    made = empty(host.shape, host.dtype)
    made[...] = host
    return made


def empty(shape: tuple[int, ...], dtype: Any) -> Host:
    """A host array in pinned memory from CuPy's pool, to which it returns with its last view."""
    global _handed_out
    _handed_out, dtype = True, np.dtype(dtype)
    count = int(np.prod(shape, dtype=np.int64))
    # A thread begins on card 0, which this process may not want to use.
    with on(index_of()):
        memory = lazy.cupy().cuda.alloc_pinned_memory(max(count * dtype.itemsize, 1))
    # Through bytes: buffers know no bfloat16.
    flat = np.frombuffer(memory, np.uint8, count * dtype.itemsize)
    made: Host = flat.view(dtype).reshape(shape)
    return made


def is_pinned(host: Host) -> bool:
    """Whether `host` lies in pinned memory."""
    if not _handed_out or not host.size:
        return False
    with on(index_of()):
        return bool(lazy.cupy().cuda.pinned_memory.is_memory_pinned(host.ctypes.data))


def from_host(host: Host, dtype: Any, index: int, wait: bool = True) -> Any:
    """A new array on the current card with `host`'s values in `dtype`.

    Pageable memory is first copied to a pinned buffer, so that the host never waits. Pinned memory
    is read by the card itself: it must not change before that, unless the host shall `wait`.
    """
    cupy = lazy.cupy()
    with np.errstate(all="ignore"):
        same = np.asarray(host, dtype.numpy)
    if same.ndim == 0:
        # CuPy fills a 0-d array from the value itself, which bfloat16 has no C scalar for.
        return cupy.array(same.reshape(1), blocking=False).reshape(())
    return cupy.array(same, order="C", blocking=wait and is_pinned(same))


def to_host(a: Any) -> Host:
    """The values of `a`, once they are computed."""
    waiting("a copy to the host")
    host = np.empty(a.shape, a.dtype)
    # On the card's own current stream, where there are several cards.
    with on(a.data.device_id):
        a.get(out=host)
    return host


def _kept(event: Any, host: Host) -> None:
    """Keep `host` until `event` is reached, and let go of those whose event was."""
    _landing.append((event, host))
    while _landing:
        try:
            first = _landing.popleft()
        except IndexError:  # another thread was quicker
            return
        if not first[0].query():
            _landing.appendleft(first)
            return


class PinnedService:
    """Pinned memory, and copies over host arrays in it; see `dlf.plugin.services.Pinned`."""

    def pin(self, host: Host) -> Host:
        """A copy of `host` in pinned memory."""
        return pinned(host)

    def is_pinned(self, host: Host) -> bool:
        """Whether `host` lies in pinned memory."""
        return is_pinned(host)

    def copy_to_device(self, host: Host, dtype: Any, index: int) -> Any:
        """A new array on card `index`; the host does not wait, and CuPy keeps `host` so long.

        From an array that is not in row-major order, or not of `dtype`, the values are those of
        now: it is copied first. CaptureError while a step is being captured, unless that may take
        constants.
        """
        recorder = capture.active()
        if recorder is not None:
            return recorder.constant(host, dtype, index)
        with on(index):
            return from_host(host, dtype, index, wait=False)

    def copy_to_host(self, a: Any, out: Host | None = None) -> tuple[Host, Any]:
        """A pinned host array, `out` or a new one, for the values of `a`, and the event after which
        it has them."""
        from dlf_cupy_gpu.streams import Event, current_stream

        if capture.active():
            raise capture.CaptureError(
                "a copy to the host was asked for while a step is being captured, when nothing is "
                "computed yet: copy the result of the captured step"
            )
        host = empty(a.shape, a.dtype) if out is None else out
        index = a.data.device_id
        with on(index):
            a.get(out=host, blocking=False)
        event = Event()
        event.record(current_stream(index))
        _kept(event, host)
        return host, event
