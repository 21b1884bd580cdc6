"""The stand-in's `cupy.cuda`: cards that are counted and computed on by the processor."""

from __future__ import annotations

from . import memory, pinned_memory, runtime
from .memory import MemoryPointer, MemoryPool, UnownedMemory
from .streams import Event, Graph, Stream, get_current_stream, get_elapsed_time

__all__ = [
    "Device",
    "Event",
    "Graph",
    "MemoryPointer",
    "MemoryPool",
    "Stream",
    "UnownedMemory",
    "alloc",
    "alloc_pinned_memory",
    "get_allocator",
    "get_current_stream",
    "get_elapsed_time",
    "memory",
    "nvrtc",
    "nvtx",
    "pinned_memory",
    "runtime",
    "set_allocator",
]

_pool = MemoryPool()
_pinned = pinned_memory.PinnedMemoryPool()
_allocator = _pool.malloc
alloc_pinned_memory = _pinned.malloc


class nvrtc:
    getVersion = staticmethod(lambda: (12, 9))  # noqa: N815  # CUDA's name


class nvtx:
    """What profilers would see: `told` notes it."""

    told: list[str] = []

    @classmethod
    def RangePush(cls, message: str, id_color: int = -1):  # noqa: N802  # CuPy's names
        cls.told.append(f"push {message}")

    @classmethod
    def RangePop(cls):  # noqa: N802
        cls.told.append("pop")

    @classmethod
    def Mark(cls, message: str, id_color: int = -1):  # noqa: N802
        cls.told.append(f"mark {message}")


def alloc(size):
    return _allocator(size)


def get_allocator():
    return _allocator


def set_allocator(allocator=None):
    global _allocator
    _allocator = allocator


class Device:
    """A card; in a block it is the current one."""

    def __init__(self, device=None):
        self.id = runtime.getDevice() if device is None else int(device)

    def __enter__(self):
        self._before = runtime.getDevice()
        runtime.setDevice(self.id)
        return self

    def __exit__(self, *_):
        runtime.setDevice(self._before)

    attributes = {"MultiProcessorCount": 4}
