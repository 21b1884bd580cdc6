"""The `cpu` backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from dlf.dtypes import from_numpy
from dlf.plugin import Backend, Caps, Probe
from dlf_numpy_cpu import memory, parallel
from dlf_numpy_cpu.kernels import kernels
from dlf_numpy_cpu.quiet import quiet

__all__ = ["NumpyBackend"]

Array = npt.NDArray[Any]

_DTYPES = frozenset(
    (
        "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128"
    ).split()
)


class NumpyBackend(Backend):
    """Tensors are NumPy arrays in host memory; movement kernels give views."""

    device_type = "cpu"
    caps = Caps(dtypes=_DTYPES, features=frozenset({"views"}))

    def __init__(self) -> None:
        memory.keep_freed()

    def probe(self) -> Probe:
        """Always there."""
        return Probe(ok=True, devices=(f"NumPy {np.__version__}",))

    def from_host(self, host: Array, dtype: Any, index: int) -> Array:
        """`host` itself where its dtype is right already: `from_numpy` shares memory."""
        return host if host.dtype == dtype.numpy else quiet(np.asarray)(host, dtype.numpy)

    def to_host(self, a: Array) -> Array:
        """`a` itself: `Tensor.numpy()` shares memory."""
        return a

    def assign(self, dst: Array, src: Array) -> None:
        """Copy `src`, broadcast, into `dst`; the two may overlap."""
        np.copyto(dst, src)

    def kernels(self) -> Mapping[str, Callable[..., Any]]:
        """The kernels of `dlf.xp` over NumPy, and faster ones of this backend's own."""
        return kernels()

    def get_num_threads(self) -> int:
        """Threads that large elementwise work is shared between."""
        return parallel.get_num_threads()

    def set_num_threads(self, count: int) -> None:
        """Share large elementwise work between `count` threads; BLAS has a setting of its own."""
        parallel.set_num_threads(count)

    def shares_memory(self, a: Array, b: Array) -> bool:
        """Whether the two arrays lie in the same memory."""
        return np.may_share_memory(a, b)

    def strides(self, a: Array) -> tuple[int, ...]:
        """Elements between neighbours in each dimension."""
        return tuple(s // a.itemsize for s in a.strides)

    def dtype_of(self, a: Array) -> Any:
        """The dtype, from the array itself."""
        return from_numpy(a.dtype)
