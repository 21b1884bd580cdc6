"""The `cuda` backend."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy.typing as npt

from dlf.dtypes import from_numpy
from dlf.plugin import Backend, Caps, Probe
from dlf_cupy_gpu import capture, lazy, pinned
from dlf_cupy_gpu.amp import AmpService
from dlf_cupy_gpu.devices import DevicesService, on, placed
from dlf_cupy_gpu.graph import GraphService
from dlf_cupy_gpu.kernels import OWN
from dlf_cupy_gpu.memory import METER, MemoryService
from dlf_cupy_gpu.module import FLOATING, CupyModules, Modules
from dlf_cupy_gpu.peer import to_index
from dlf_cupy_gpu.pinned import PinnedService
from dlf_cupy_gpu.probe import probe
from dlf_cupy_gpu.profiler import ProfilerService
from dlf_cupy_gpu.streams import StreamsService
from dlf_cupy_gpu.waits import WaitsService, waiting

__all__ = ["FAMILIES", "CupyBackend"]

Array = Any
Kernel = Callable[..., Any]

_DTYPES = frozenset(
    (
        "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128"
    ).split()
)

FAMILIES: tuple[str, ...] = (*OWN, "matmul")
"""Files of `dlf_cupy_gpu.kernels`; of two with a kernel for one op the later wins."""

# Composites whose own kernel computes in fewer dtypes than their decomposition.
_FLOATING_ONLY = frozenset(
    (
        "conv2d conv2d_input_grad conv2d_weight_grad conv3d "
        "conv3d_input_grad conv3d_weight_grad embedding embedding_backward flash_attention "
        "flash_attention_backward hardtanh masked_scale "
        "max_pool2d max_pool2d_backward "
        "max_pool3d max_pool3d_backward threshold window_spread window_sum"
    ).split()
)


class CupyBackend(Backend):
    """Tensors are CuPy arrays; movement kernels give views.

    The kernels are those of `dlf.xp` over CuPy, and this backend's own in their place. They run on
    the current stream; the host waits in `to_host` and in `nonzero`, and nowhere else.
    """

    device_type = "cuda"
    caps = Caps(dtypes=_DTYPES, features=frozenset({"views", "asynchronous"}))
    services: Mapping[str, object] = {
        "streams": StreamsService(),
        "memory": MemoryService(),
        "amp": AmpService(),
        "devices": DevicesService(),
        "pinned": PinnedService(),
        "graphs": GraphService(),
        "waits": WaitsService(),
        "profiler": ProfilerService(),
    }
    families: tuple[str, ...] = FAMILIES

    def __init__(self) -> None:
        self._probe: Probe | None = None
        self._lock = threading.RLock()
        self._table: dict[str, Kernel] | None = None
        self._several = False

    def probe(self) -> Probe:
        """The cards, asked for once they are there; see `dlf_cupy_gpu.probe`."""
        if self._probe is None or not self._probe.ok:
            self._probe = probe()
        return self._probe

    def from_host(self, host: npt.NDArray[Any], dtype: Any, index: int) -> Array:
        """A copy, for which the host does not wait: it goes through pinned memory."""
        recorder = capture.active()
        if recorder is not None:
            return recorder.constant(host, dtype, index)
        if self._several:
            with on(index):
                return pinned.from_host(host, dtype, index)
        return pinned.from_host(host, dtype, index)

    def to_host(self, a: Array) -> npt.NDArray[Any]:
        """A copy; waits for the work on the current stream."""
        return pinned.to_host(a)

    def assign(self, dst: Array, src: Array) -> None:
        """Write `src`, broadcast, into `dst`; the two may overlap."""
        if self._several:
            with on(dst.device.id):
                self._assign(dst, src)
        else:
            self._assign(dst, src)

    def _assign(self, dst: Array, src: Array) -> None:
        if dst.data.mem.ptr == src.data.mem.ptr and lazy.cupy().may_share_memory(dst, src):
            # Elements are written in no order.
            src = src.copy()
        dst[...] = src

    def to_index(self, a: Array, index: int) -> Array:
        """A copy on another card, without the host."""
        return to_index(a, index)

    def kernels(self) -> Mapping[str, Kernel]:
        """The kernels of `dlf.xp` over CuPy, and faster ones of this backend's own."""
        with self._lock:
            if self._table is None:
                self._table = self._made()
            return self._table

    def _made(self) -> dict[str, Kernel]:
        from dlf import xp
        from dlf_cupy_gpu import elementwise, extremes, scatter

        cupy = lazy.cupy()
        METER.install()
        library = xp.Library(cupy, checked=False)
        library.put_add = scatter.adder()
        missing = _DTYPES - {dtype.name for dtype in library.native}
        if missing:
            self.caps = Caps(dtypes=_DTYPES - missing, features=self.caps.features)
        general = xp.kernels(library)
        table = general | elementwise.kernels(general) | extremes.kernels()
        table["nonzero"] = _waits("nonzero", table["nonzero"])
        own = self._own(CupyModules(cupy, dict(table)))
        limits = dict.fromkeys(_FLOATING_ONLY & own.keys() - table.keys(), FLOATING)
        self.caps = Caps(self.caps.dtypes, limits, self.caps.features)
        table |= own
        self._several = self.device_count() > 1
        return {name: placed(k) for name, k in table.items()} if self._several else table

    def _own(self, modules: Modules) -> dict[str, Kernel]:
        table: dict[str, Kernel] = {}
        for family in self.families:
            table |= import_module(f"dlf_cupy_gpu.kernels.{family}").kernels(modules)
        return table

    def shares_memory(self, a: Array, b: Array) -> bool:
        """Whether the two arrays lie in the same memory; does not look at single elements."""
        mine, other = a.data, b.data
        if mine.mem is not other.mem:
            return False  # No two allocations overlap.
        if mine.ptr == other.ptr and a.size and b.size:
            return True  # The usual view, which begins where its base does.
        return bool(lazy.cupy().may_share_memory(a, b))

    def strides(self, a: Array) -> tuple[int, ...]:
        """Elements between neighbours in each dimension."""
        return tuple(s // a.itemsize for s in a.strides)

    def dtype_of(self, a: Array) -> Any:
        """The dtype, from the array itself."""
        return from_numpy(a.dtype)


def _waits(name: str, kernel: Kernel) -> Kernel:
    def call(*args: Any) -> Any:
        waiting(name)
        return kernel(*args)

    return call
