"""cuBLAS for streams that are recorded in a graph, where CuPy refuses to call it.

cuBLAS itself may be recorded if the memory that it works in outlives the recording and is nobody
else's (see "CUDA Graphs Support" in its documentation): each recording gets a buffer of its own.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["CapturedCublas", "load"]

_INT, _LONG, _POINTER = ctypes.c_int, ctypes.c_longlong, ctypes.c_void_p
_AHEAD = (_POINTER, _INT, _INT, _INT, _INT, _INT, _POINTER)
_ENTRIES: dict[str, tuple[Any, ...]] = {
    "cublasSetStream_v2": (_POINTER, _POINTER),
    "cublasSetWorkspace_v2": (_POINTER, _POINTER, ctypes.c_size_t),
    "cublasGemmEx": (
        *_AHEAD,
        *(_POINTER, _INT, _INT) * 2,
        *(_POINTER, _POINTER, _INT, _INT, _INT, _INT),
    ),
    "cublasGemmStridedBatchedEx": (
        *_AHEAD,
        *(_POINTER, _INT, _INT, _LONG) * 2,
        *(_POINTER, _POINTER, _INT, _INT, _LONG, _INT, _INT, _INT),
    ),
}


def load(cupy: Any) -> ctypes.CDLL:
    """The library that CuPy itself has loaded, with the types of the entries that are used."""
    major = cupy.cuda.runtime.runtimeGetVersion() // 1000
    name = f"cublas64_{major}.dll" if sys.platform == "win32" else f"libcublas.so.{major}"
    library = ctypes.CDLL(name)
    for entry, types in _ENTRIES.items():
        getattr(library, entry).argtypes = types
    return library


class CapturedCublas:
    """The two products of CuPy's wrapper, with its parameters, for one recording.

    Made while the recording's stream is current and its pool gives the memory; kept as long as the
    recording.

    Args:
        cupy: the module `cupy`.
        load: gives the library.
    """

    def __init__(self, cupy: Any, load: Callable[[Any], Any] = load) -> None:
        self._cupy, self._library = cupy, load(cupy)
        # What cuBLAS's documentation recommends for Hopper, and for what came before.
        hopper = int(cupy.cuda.Device().compute_capability) >= 90
        self._space = cupy.empty((32 if hopper else 4) << 20, "uint8")

    def gemmEx(self, handle: int, *parameters: Any) -> None:  # noqa: N802  # CuPy's name
        """See ``cublasGemmEx``."""
        self._call("cublasGemmEx", handle, parameters)

    def gemmStridedBatchedEx(self, handle: int, *parameters: Any) -> None:  # noqa: N802  # likewise
        """See ``cublasGemmStridedBatchedEx``."""
        self._call("cublasGemmStridedBatchedEx", handle, parameters)

    def _call(self, name: str, handle: int, parameters: Sequence[Any]) -> None:
        library, space = self._library, self._space
        # The stream first: setting it takes cuBLAS's memory back to its own.
        stream = self._cupy.cuda.get_current_stream().ptr
        _check(library.cublasSetStream_v2(handle, stream), "cublasSetStream")
        status = library.cublasSetWorkspace_v2(handle, space.data.ptr, space.size)
        _check(status, "cublasSetWorkspace")
        _check(getattr(library, name)(handle, *parameters), name)


def _check(status: int, name: str) -> None:
    if status:
        raise RuntimeError(f"{name} failed with cublasStatus_t {status} while a step was captured")
