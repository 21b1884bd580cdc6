"""The oracle for composites: a device of its own on which they run by their decompositions.

Its primitives are `dlf.xp` over NumPy. It is no device of the plugin host and has no name that a
user could ask for, so it is in no list, and nothing but a test can put a tensor on it.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any

import numpy as np
import numpy.typing as npt

from ..devices import device as Device
from ..dispatch import KernelSource
from ..dtypes import from_numpy
from ..errors import MissingKernelError
from ..plugin import Backend, Caps, Probe
from ..registry import Op, registry
from ..tensor import Tensor, wrap

__all__ = ["decomposed", "reference", "reference_tensor", "widened"]

Array = npt.NDArray[Any]

_lock = RLock()
_found: list[Device] = []


class _ReferenceBackend(Backend):
    """NumPy arrays in host memory."""

    device_type = "reference"
    caps = Caps(
        dtypes=frozenset(
            (
                "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 "
                "complex128"
            ).split()
        ),
        features=frozenset({"views"}),
    )

    def probe(self) -> Probe:
        return Probe(ok=True, devices=("the reference of the conformance kit",))

    def from_host(self, host: Array, dtype: Any, index: int) -> Array:
        with np.errstate(all="ignore"):
            return np.array(host, dtype.numpy)

    def to_host(self, a: Array) -> Array:
        return a.copy()  # the host may keep what it is given

    def assign(self, dst: Array, src: Array) -> None:
        np.copyto(dst, src)

    def shares_memory(self, a: Array, b: Array) -> bool:
        return bool(np.may_share_memory(a, b))


def _kernel(op: Op, primitives: dict[str, Callable[..., Any]]) -> Callable[..., Any] | None:
    if op.decompose is not None:
        return None
    kernel = primitives.get(op.name)
    if kernel is not None:
        return np.errstate(all="ignore")(kernel)

    def missing(*args: Any) -> Any:
        raise MissingKernelError(f"the reference has no kernel for '{op.name}'")

    return missing


def reference() -> Device:
    """The reference device; one object, made when it is first asked for."""
    with _lock:
        return _found[0] if _found else _made()


def _made() -> Device:
    from ..xp import kernels

    primitives = kernels(np)
    made: Device = object.__new__(Device)  # Not interned: `device("reference")` is not this one.
    made.type, made.index, made.views, made.checks = "reference", None, True, True
    made.table, made.origins, made.backend = [], [], _ReferenceBackend()

    def add(op: Op) -> None:
        kernel = _kernel(op, primitives)
        source = "decomposed" if kernel is None else "native"
        made.origins.append(KernelSource(op.name, source, "dlf"))
        made.table.append(kernel)

    def remove(op: Op) -> None:
        del made.origins[op.slot :]
        del made.table[op.slot :]

    for op in registry:
        add(op)
    registry.listeners.append(add)
    registry.removed.append(remove)
    _found.append(made)
    return made


def reference_tensor(host: Array, requires_grad: bool = False) -> Tensor:
    """`host`'s values as a tensor on the reference device."""
    device = reference()
    kind = from_numpy(host.dtype)
    made = wrap(device.backend.from_host(host, kind, 0), kind, device)
    return made.requires_grad_() if requires_grad else made


def decomposed(op: str, *args: Any) -> Any:
    """`op`'s decomposition on the reference device, on host arrays and plain values.

    Floating-point arrays, and those in tuples or lists, are widened to float64 (complex ones to
    complex128). Gives host arrays, a tuple of them for several outputs. Lists, which step ops
    write, come back as they are afterwards: the result is then the list of arguments.
    """
    from ..autograd.mode import no_grad

    found = registry[op]
    assert found.decompose is not None, f"{op} is a primitive"

    def put(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            return reference_tensor(widened(x))
        if isinstance(x, (tuple, list)):
            return type(x)(put(one) for one in x)
        return x

    def get(x: Any) -> Any:
        if isinstance(x, (tuple, list)):
            return type(x)(get(one) for one in x)
        return x._data if isinstance(x, Tensor) else x

    placed = [put(x) for x in args]
    with no_grad():
        out = found.decompose(*placed)
    return get(placed if found.kind == "step" else out)


def widened(host: Array) -> Array:
    """`host` in the widest dtype of its kind, integers and bools as they are."""
    kind = from_numpy(host.dtype)
    if kind.is_complex:
        return host.astype(np.complex128)
    return host.astype(np.float64) if kind.is_floating_point else host
