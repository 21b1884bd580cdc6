"""The `sim` backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from dlf.plugin import Backend, Caps, Probe
from dlf_sim import capture
from dlf_sim.amp import AmpService
from dlf_sim.graphs import GraphService
from dlf_sim.handle import Buffer, SimArray, buffer_of
from dlf_sim.launch import assign, launched, to_index
from dlf_sim.memory import DEVICES, MemoryService
from dlf_sim.pinned import PinnedService
from dlf_sim.streams import StreamsService

__all__ = ["SimBackend"]

_DTYPES = frozenset(
    (
        "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128"
    ).split()
)


class SimBackend(Backend):
    """Two devices, without views; the kernels are those of `dlf.xp`, queued, and Philox."""

    device_type = "sim"
    caps = Caps(dtypes=_DTYPES)
    services: Mapping[str, object] = {
        "streams": StreamsService(),
        "memory": MemoryService(),
        "amp": AmpService(),
        "pinned": PinnedService(),
        "graphs": GraphService(),
    }

    def probe(self) -> Probe:
        """Always there."""
        return Probe(
            ok=True, devices=tuple(f"simulated device {index}" for index in range(DEVICES))
        )

    def from_host(self, host: npt.NDArray[Any], dtype: Any, index: int) -> SimArray:
        """A copy, made at once: the host array may change afterwards."""
        if not 0 <= index < DEVICES:
            raise RuntimeError(
                f"invalid device ordinal: sim has devices 0 to {DEVICES - 1}, not {index}"
            )
        capture.take()
        buffer = Buffer(np.shape(host), dtype.numpy, index)
        with np.errstate(all="ignore"):
            buffer.array = np.array(host, dtype.numpy)
        return SimArray(buffer)

    def to_host(self, a: SimArray) -> npt.NDArray[Any]:
        """A copy, after the work of the current stream."""
        return buffer_of(a).wait().copy()

    def assign(self, dst: SimArray, src: SimArray) -> None:
        """Queue the copy of `src`, broadcast, into `dst`."""
        assign(dst, src)

    def to_index(self, a: SimArray, index: int) -> SimArray:
        """Queue the copy of `a` to another device of this type, in the order of both streams."""
        return to_index(a, index)

    def kernels(self) -> Mapping[str, Callable[..., Any]]:
        """The primitives and random numbers; everything fused goes through its decomposition."""
        from dlf.xp import kernels
        from dlf_sim.random import KERNELS

        table = {name: launched(name, _silent(kernel)) for name, kernel in kernels(np).items()}
        return {**table, **KERNELS}


def _silent(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """`kernel` without floating-point warnings."""
    return np.errstate(all="ignore")(kernel)
