"""The opaque arrays of the `sim` device."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from dlf_sim.memory import MEMORY
from dlf_sim.streams import Stream, current_stream, seen

__all__ = ["Buffer", "SimArray", "buffer_of"]

Array = npt.NDArray[Any]


class Buffer:
    """Memory of one device: its contents once they are computed, and who wrote them last."""

    __slots__ = (
        "__weakref__",
        "array",
        "dtype",
        "error",
        "index",
        "position",
        "shape",
        "size",
        "writer",
    )

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any], index: int) -> None:
        self.size = 0  # Nothing to give back, should the allocation fail.
        self.shape, self.dtype, self.index = shape, dtype, index
        size = math.prod(shape) * dtype.itemsize
        MEMORY[index].allocate(size)
        self.size = size
        self.array: Array | None = None
        self.error: BaseException | None = None
        self.writer: Stream = current_stream(index)
        self.position = 0

    def __del__(self) -> None:
        MEMORY[self.index].free(self.size)

    def wait(self) -> Array:
        """The contents, once the current stream's work is done; raises what its kernel raised."""
        stream = current_stream(self.index)
        stream.check(self.writer, self.position)
        stream.run()
        return self.read()

    def read(self) -> Array:
        """The contents, from within the stream's own work."""
        if self.error is not None:
            seen(self.index, self.error)
            raise self.error
        assert self.array is not None
        return self.array


class SimArray:
    """All that the host may know of an array on `sim`: its shape."""

    __slots__ = ("_buffer", "shape")
    __array_ufunc__ = None  # NumPy's operators refuse it.

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer
        self.shape = buffer.shape

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(
            f"an array on sim:{self._buffer.index} was used as a host array: go through the "
            "backend's to_host"
        )

    __array__ = __iter__ = __len__ = __getitem__ = __bool__ = __float__ = __int__ = __index__ = (
        _refuse
    )
    __eq__ = _refuse
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<sim:{self._buffer.index} array of shape {self.shape}>"


def buffer_of(array: SimArray) -> Buffer:
    """The memory behind a handle, for kernels."""
    return array._buffer
