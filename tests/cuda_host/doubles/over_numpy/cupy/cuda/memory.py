"""The stand-in's memory: addresses that are counted, without anything behind them."""

from __future__ import annotations

import itertools
import threading

from . import runtime

_addresses = itertools.count(1 << 20, 1 << 32)


class OutOfMemoryError(MemoryError):
    """CuPy's error, before dlf's."""


class _Pooled:
    def __init__(self, pool, ptr, size, device_id):
        self.pool, self.ptr, self.size, self.device_id = pool, ptr, size, device_id

    def __del__(self):
        self.pool._give_back(self)


class UnownedMemory:
    """Memory that `owner` keeps."""

    def __init__(self, ptr, size, owner, device_id=-1):
        self.ptr, self.size, self._owner, self.device_id = ptr, size, owner, device_id


class MemoryPointer:
    """A place in memory."""

    def __init__(self, mem, offset):
        self.mem, self.ptr, self.device_id = mem, mem.ptr + offset, mem.device_id


class MemoryPool:
    """Keeps what is freed, by size."""

    def __init__(self, allocator=None):
        self._free, self._held, self._limits = {}, {}, {}
        self._lock = threading.RLock()

    def malloc(self, size):
        size, device = max(size + 511 & ~511, 512), runtime.getDevice()
        with self._lock:
            kept = self._free.setdefault((device, size), [])
            if not kept and not self._fits(size, device):
                self.free_all_blocks()
                if not self._fits(size, device):
                    raise OutOfMemoryError(f"Out of memory allocating {size} bytes")
            if kept:
                ptr = kept.pop()
            else:
                ptr = next(_addresses)
                runtime.used[device] += size
                self._held[device] = self._held.get(device, 0) + size
        return MemoryPointer(_Pooled(self, ptr, size, device), 0)

    def _fits(self, size, device):
        limit = self._limits.get(device, runtime.MEMORY)
        held = self._held.get(device, 0)
        return runtime.used[device] + size <= runtime.MEMORY and held + size <= limit

    def _give_back(self, memory):
        with self._lock:
            self._free[memory.device_id, memory.size].append(memory.ptr)

    def free_all_blocks(self, stream=None):
        device = runtime.getDevice()
        with self._lock:
            for (index, size), kept in self._free.items():
                if index == device:
                    runtime.used[device] -= size * len(kept)
                    self._held[device] -= size * len(kept)
                    kept.clear()

    def set_limit(self, size=None, fraction=None):
        self._limits[runtime.getDevice()] = int(runtime.MEMORY * fraction)

    def total_bytes(self):
        return self._held.get(runtime.getDevice(), 0)
