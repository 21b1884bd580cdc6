"""Device memory: CuPy's pool, counted, and its running out."""

from __future__ import annotations

import gc
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from dlf_cupy_gpu import lazy
from dlf_cupy_gpu.devices import index_of, on
from dlf_cupy_gpu.live import largest
from dlf_cupy_gpu.sizes import readable

__all__ = ["METER", "Counters", "MemoryService", "Meter", "OutOfMemoryError"]

Allocator = Callable[[int], Any]


class OutOfMemoryError(RuntimeError, MemoryError):
    """A card has no memory left, even after what was cached has been given back.

    Attributes:
        asked: bytes that were asked for.
        free: bytes that the driver still has.
        reserved: bytes that CuPy's pool holds, in use or not.
        allocated: bytes in use.
    """

    asked = free = reserved = allocated = 0


class Counters:
    """What is allocated on one card, in bytes.

    They are changed without a lock: no other thread of an interpreter with a global lock comes
    between reading and writing an attribute.
    """

    __slots__ = (
        "allocated",
        "allocations",
        "failures",
        "frees",
        "index",
        "peak",
        "reserved_peak",
        "retries",
    )

    def __init__(self, index: int) -> None:
        self.index = index
        self.allocated = self.peak = self.reserved_peak = 0
        self.allocations = self.frees = self.retries = self.failures = 0


class Block:
    """Memory in use; counted and given back to its pool when the last array on it is gone."""

    __slots__ = ("counters", "memory", "size", "stream")

    def __init__(self, memory: Any, counters: Counters, size: int, stream: int) -> None:
        self.memory, self.counters, self.size, self.stream = memory, counters, size, stream

    def __del__(self) -> None:
        counters = self.counters
        counters.allocated -= self.size
        counters.frees += 1
        if METER.streams is not None and not sys.is_finalizing():
            METER.leave(self)


class Meter:
    """CuPy's allocator, counted.

    CuPy's pool has hooks, but only for the thread that sets them. So the pool's memory is handed on
    in a `Block` that knows when it is let go.

    Memory belongs to the stream that it was allocated on and is used again there at once. Where
    other streams are in use, they may still read it: then it waits in `_leaving` until what is
    queued on them now is done.
    """

    def __init__(self) -> None:
        self._counters: dict[int, Counters] = {}
        self._lock = threading.Lock()
        self._leaving: deque[tuple[list[Any], Any]] = deque()
        self._own = threading.local()
        self._installed = False
        self.streams: Any = None
        self._sources = 0

    def install(self) -> None:
        """Let all of this process's CuPy arrays be counted; does nothing the second time."""
        with self._lock:
            if self._installed:
                return
            cuda = lazy.cupy().cuda
            self._cuda, self._base = cuda, cuda.get_allocator()
            self._unowned, self._pointer = cuda.UnownedMemory, cuda.MemoryPointer
            self._device, self._stream = cuda.runtime.getDevice, cuda.get_current_stream
            self._exhausted = cuda.memory.OutOfMemoryError
            cuda.set_allocator(self.allocate)
            self._installed = True

    def counters(self, index: int) -> Counters:
        """The counters of card `index`."""
        found = self._counters.get(index)
        if found is None:
            with self._lock:
                found = self._counters.setdefault(index, Counters(index))
        return found

    def allocate(self, size: int) -> Any:
        """Memory of `size` bytes on the current card, as CuPy takes it."""
        # Called for every array: this is part of what an op costs.
        if self._leaving:
            self._settle()
        source = self._own.allocator if self._sources and self.capturing else self._base
        try:
            memory = source(size)
        except self._exhausted as error:
            memory = self._again(source, size, error)
        taken, index = memory.mem.size, memory.device_id
        counters = self._counters.get(index) or self.counters(index)
        now = counters.allocated = counters.allocated + taken
        counters.allocations += 1
        if now > counters.peak:
            counters.peak = now
        # Until there are other streams, all memory belongs to the default one, whose handle is 0.
        stream = 0 if self.streams is None else self._stream().ptr
        block = Block(memory, counters, taken, stream)
        return self._pointer(self._unowned(memory.ptr, taken, block, index), 0)

    def leave(self, block: Block) -> None:
        """Keep the memory of `block` as long as other streams may use it."""
        if not self.capturing:
            events = self.streams.pending(block.counters.index, block.stream)
            if events:
                self._leaving.append((events, block.memory))

    def _settle(self, wait: bool = False) -> None:
        """Let go of what other streams have done with; of everything, after a `wait`."""
        while True:
            try:
                events, memory = self._leaving.popleft()
            except IndexError:
                return
            if wait:
                for event in events:
                    event.synchronize()
            elif not all(event.done for event in events):
                self._leaving.appendleft((events, memory))
                return

    def _again(self, source: Allocator, size: int, error: Exception) -> Any:
        """`source(size)` after a failure, with all that can be given back given back."""
        index = self._device()
        counters = self.counters(index)
        counters.retries += 1
        if not self.capturing:
            gc.collect()
            self._settle(wait=True)
            self.empty_cache()
        try:
            return source(size)
        except self._cuda.memory.OutOfMemoryError:
            counters.failures += 1
        raise self._out(index, size) from error

    def _out(self, index: int, size: int) -> OutOfMemoryError:
        free, total = self._cuda.runtime.memGetInfo()
        counters, reserved = self.counters(index), self.reserved(index)
        tensors = "; ".join(largest(index, 5)) or "none"
        error = OutOfMemoryError(
            f"cuda:{index} out of memory: tried to allocate {readable(size)}, and again after the "
            f"cache was given back; {readable(free)} of {readable(total)} are free, "
            f"{readable(reserved)} are reserved, {readable(counters.allocated)} of them in use. "
            f"The largest tensors: {tensors}. Smaller batches, fewer tensors kept between steps, "
            "or dlf.no_grad() where no gradient is needed take less"
        )
        error.asked, error.free = size, free
        error.reserved, error.allocated = reserved, counters.allocated
        return error

    # a pool of one's own, for graphs

    @property
    def capturing(self) -> bool:
        """Whether this thread allocates from a graph's own pool."""
        return getattr(self._own, "allocator", None) is not None

    def use(self, allocator: Allocator | None) -> None:
        """Let this thread's memory come from `allocator`; None: from the common pool."""
        with self._lock:
            self._sources += 1 if allocator is not None else -1
        self._own.allocator = allocator

    # CuPy's pool

    def reserved(self, index: int) -> int:
        """Bytes that the common pool holds on card `index`, in use or not."""
        with on(index):
            held = int(lazy.cupy().get_default_memory_pool().total_bytes())
        counters = self.counters(index)
        # Graphs have pools of their own, which hold at least what is in use.
        held = max(held, counters.allocated)
        counters.reserved_peak = max(counters.reserved_peak, held)
        return held

    def empty_cache(self) -> None:
        """Give the driver back what no array uses, on all cards, and pinned host memory too."""
        cupy = lazy.cupy()
        self._settle()
        for index in range(cupy.cuda.runtime.getDeviceCount()):
            with on(index):
                cupy.get_default_memory_pool().free_all_blocks()
        cupy.get_default_pinned_memory_pool().free_all_blocks()


METER = Meter()


class MemoryService:
    """Statistics in bytes, under PyTorch's names."""

    OutOfMemoryError = OutOfMemoryError

    def memory_allocated(self, device: Any = None) -> int:
        """In use by arrays now; CuPy rounds each up to 512 bytes."""
        METER.install()
        return METER.counters(index_of(device)).allocated

    def max_memory_allocated(self, device: Any = None) -> int:
        """The most that was in use since the start or the last `reset_peak_memory_stats`."""
        METER.install()
        return METER.counters(index_of(device)).peak

    def memory_reserved(self, device: Any = None) -> int:
        """Held by CuPy's pool, in use or kept for later."""
        return METER.reserved(index_of(device))

    def max_memory_reserved(self, device: Any = None) -> int:
        """The most that was seen reserved; the pool is looked at when it is asked for."""
        index = index_of(device)
        METER.reserved(index)
        counters = METER.counters(index)
        return max(counters.reserved_peak, counters.peak)

    def reset_peak_memory_stats(self, device: Any = None) -> None:
        """Let the peaks start anew from what is in use."""
        index = index_of(device)
        METER.install()
        counters = METER.counters(index)
        counters.peak = counters.allocated
        counters.reserved_peak = 0
        METER.reserved(index)

    def memory_stats(self, device: Any = None) -> dict[str, int]:
        """All counters, under PyTorch's names.

        ``num_alloc_retries`` counts what was tried again after a collection of Python's garbage;
        CuPy's pool has given its cache back by then.
        """
        index = index_of(device)
        counters = METER.counters(index)
        return {
            "allocated_bytes.all.current": self.memory_allocated(index),
            "allocated_bytes.all.peak": counters.peak,
            "reserved_bytes.all.current": self.memory_reserved(index),
            "reserved_bytes.all.peak": self.max_memory_reserved(index),
            "allocation.all.allocated": counters.allocations,
            "allocation.all.freed": counters.frees,
            "num_alloc_retries": counters.retries,
            "num_ooms": counters.failures,
        }

    def mem_get_info(self, device: Any = None) -> tuple[int, int]:
        """Bytes of the card that are free, and that it has, whoever uses them."""
        with on(index_of(device)):
            free, total = lazy.cupy().cuda.runtime.memGetInfo()
        return int(free), int(total)

    def set_per_process_memory_fraction(self, fraction: float, device: Any = None) -> None:
        """Let CuPy's pool hold at most this share of the card's memory; more is out of memory.

        ValueError unless `fraction` lies within 0 and 1.
        """
        if not 0 <= fraction <= 1:
            raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~1")
        METER.install()
        with on(index_of(device)):
            lazy.cupy().get_default_memory_pool().set_limit(fraction=fraction)

    def memory_summary(self, device: Any = None, abbreviated: bool = False) -> str:
        """The counters and the largest tensors, for people."""
        index = index_of(device)
        lines = [f"cuda:{index}"]
        for name, value in self.memory_stats(index).items():
            shown = readable(value) if "bytes" in name else str(value)
            lines.append(f"  {name:<28} {shown}")
        free, total = self.mem_get_info(index)
        lines.append(f"  {'free on the card':<28} {readable(free)} of {readable(total)}")
        if not abbreviated:
            lines += [f"  {line}" for line in largest(index, 10)]
        return "\n".join(lines)

    def empty_cache(self) -> None:
        """Give the driver back what no array uses."""
        METER.install()
        METER.empty_cache()
