"""`Subject`: the device that is being tested, as the cases see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..devices import device as Device
from ..devices import resolve
from ..dtypes import from_numpy
from ..registry import registry
from ..tensor import Tensor, wrap
from .case import Skipped
from .close import assert_same

__all__ = ["LAYOUTS", "Array", "Placed", "Subject"]

Array = npt.NDArray[Any]

LAYOUTS = ("transposed", "stepped", "reversed", "shifted")


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """An array that is on the device already, and the values that it should have."""

    array: Any
    host: Array
    layout: str = ""


class Subject:
    """A device, and the random numbers of one case.

    Args:
        device: the device or its name.
        seed: with the case's name it fixes the random numbers, so that a failure can be replayed.
    """

    def __init__(self, device: str | Device, seed: int = 0) -> None:
        self.device = resolve(device)
        self.backend = self.device.backend
        self.index = self.device.index or 0
        self.seed = seed
        self.rng = np.random.default_rng(seed)

    def start(self, name: str) -> None:
        """Begin the case `name`: its random numbers depend on it and the seed alone."""
        self.rng = np.random.default_rng([self.seed, *name.encode()])

    def claims(self, dtype: str, op: str = "") -> bool:
        """Whether the backend claims to store `dtype` and, where an op is named, to compute it."""
        caps = self.backend.caps
        return dtype in caps.dtypes and dtype in caps.op_dtypes.get(op, caps.dtypes)

    def source(self, op: str) -> str:
        """Where the kernel of `op` comes from, as `dlf.dispatch.KernelSource.source`."""
        return str(self.device.origins[registry[op].slot].source)

    def native(self, op: str) -> bool:
        """Whether the device has a kernel of its own, or of an overlay, for `op`."""
        return op in registry and self.source(op) in ("native", "overlay")

    def put(self, host: Array) -> Any:
        """`host`'s values as an array of the device."""
        return self.backend.from_host(host.copy(), from_numpy(host.dtype), self.index)

    def get(self, a: Any) -> Array:
        """The values of an array of the device."""
        assert isinstance(a.shape, tuple), f"an array's shape is {a.shape!r}; expected a tuple"
        host = self.backend.to_host(a)
        assert isinstance(host, np.ndarray), f"to_host gave {type(host).__name__}, not an ndarray"
        assert host.shape == a.shape, f"to_host gave shape {host.shape} for an array of {a.shape}"
        return host

    def laid(self, host: Array, layout: str) -> Placed:
        """`host`'s values on the device in one of `LAYOUTS`, by the device's own kernels.

        Where the device has views this gives an array whose elements do not lie in row-major order.
        Without `permute` or `slice` of its own, or for 0-d arrays, it is `put`.
        """
        if not host.ndim or not self.native("permute" if layout == "transposed" else "slice"):
            return Placed(self.put(host), host)
        if layout == "transposed":
            dims = tuple(reversed(range(host.ndim)))
            array = self.kernel("permute")(self.put(np.ascontiguousarray(host.transpose())), dims)
        elif layout == "stepped":
            larger = np.ones([2 * n + 1 for n in host.shape], host.dtype)
            larger[(slice(1, -1, 2),) * host.ndim] = host
            steps = (1,) * host.ndim, (2,) * host.ndim
            array = self.kernel("slice")(self.put(larger), *steps, host.shape)
        elif layout == "shifted":
            larger = np.ones((host.shape[0] + 2, *host.shape[1:]), host.dtype)
            larger[1:-1] = host
            starts = (1, *(0,) * (host.ndim - 1))
            array = self.kernel("slice")(self.put(larger), starts, (1,) * host.ndim, host.shape)
        else:
            starts = tuple(max(n - 1, 0) for n in host.shape)
            whole = self.put(host[(slice(None, None, -1),) * host.ndim])
            array = self.kernel("slice")(whole, starts, (-1,) * host.ndim, host.shape)
        return Placed(array, host, layout)

    def expanded(self, row: Array, shape: tuple[int, ...]) -> Placed:
        """`row` broadcast to `shape` by the device's kernel, or by the host where it has none."""
        host = np.broadcast_to(row, shape).copy()
        if not self.native("broadcast_to"):
            return Placed(self.put(host), host)
        return Placed(self.kernel("broadcast_to")(self.put(row), shape), host, "expanded")

    def need(self, *dtypes: str) -> None:
        """`Skipped` unless the backend claims to store all of `dtypes`."""
        for name in dtypes:
            if not self.claims(name):
                raise Skipped(f"{self.device} does not claim {name}")

    def tensor(self, host: Array, requires_grad: bool = False) -> Tensor:
        """`host`'s values as a tensor on the device."""
        kind = from_numpy(host.dtype)
        made = wrap(self.put(host), kind, self.device)
        return made.requires_grad_() if requires_grad else made

    def kernel(self, op: str) -> Callable[..., Any]:
        """The device's own kernel for `op`; `Skipped` where it has none."""
        if not self.native(op):
            raise Skipped(f"no kernel of its own: {op} is {self.source(op)}")
        found: Callable[..., Any] = self.device.table[registry[op].slot]
        return found

    def call(self, op: str, *args: Any) -> Any:
        """The device's own kernel for `op` on host arrays, and its results as host arrays.

        NumPy arrays, and tuples or lists of them, are put on the device; what is `Placed` is there;
        all else is passed as it is. Checks what holds for every kernel: no input is changed, and
        results are arrays.
        """
        kernel = self.kernel(op)
        before: list[tuple[Any, Array]] = []

        def put(x: Any) -> Any:
            if isinstance(x, np.ndarray):
                made = self.put(x)
                before.append((made, x.copy()))
                return made
            if isinstance(x, Placed):
                before.append((x.array, x.host.copy()))
                return x.array
            if isinstance(x, (tuple, list)) and any(
                isinstance(one, (np.ndarray, Placed)) for one in x
            ):
                return type(x)(put(one) for one in x)
            return x

        result = kernel(*[put(x) for x in args])
        found = tuple(map(self._result, result)) if type(result) is tuple else self._result(result)
        for made, old in before:
            now = self.get(made)
            if now.tobytes() != old.tobytes():
                assert_same(now, old, f"{op} changed an input")
        return found

    def _result(self, a: Any) -> Array:
        assert hasattr(a, "shape"), f"a kernel gave {a!r}, which is no array"
        return self.get(a).copy()
