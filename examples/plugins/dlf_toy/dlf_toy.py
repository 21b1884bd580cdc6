"""The device `toy`: every tensor is a `bytearray`. All ops run through dlf's host fallback."""

from dataclasses import dataclass

import numpy as np

from dlf.plugin import Backend, BackendSpec, Caps, Probe, hookimpl


@hookimpl
def dlf_backends(api):
    """Tell dlf that the device exists; the class is imported when a tensor is first put on it."""
    return [BackendSpec("toy", "toy", load="dlf_toy:ToyBackend", requires_api=">=1.0,<2")]


@dataclass
class Buffer:
    """One array: dlf reads its shape and nothing else."""

    shape: tuple[int, ...]
    dtype: np.dtype
    memory: bytearray


class ToyBackend(Backend):
    device_type = "toy"
    caps = Caps(dtypes=frozenset({"bool", "uint8", "int64", "float32", "float64"}))

    def probe(self):
        return Probe(ok=True, devices=("toy memory",))

    def from_host(self, host, dtype, index):
        return Buffer(host.shape, host.dtype, bytearray(host.tobytes()))

    def to_host(self, a):
        return np.frombuffer(bytes(a.memory), a.dtype).reshape(a.shape).copy()

    def assign(self, dst, src):
        dst.memory[:] = np.broadcast_to(self.to_host(src), dst.shape).tobytes()
