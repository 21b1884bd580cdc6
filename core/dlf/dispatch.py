"""Fills a device's table of kernels, once, when the device is first used.

For each op it takes the kernel of the overlay with the highest priority, else the backend's, else
the op's decomposition (None in the table), else the way over the host. Afterwards an op is a list
look-up.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .claims import held
from .devices import device as Device
from .errors import MissingKernelError
from .host_kernels import has_host_kernel, on_host
from .registry import Op, registry
from .tensor import Tensor, wrap

__all__ = ["KernelSource", "composed", "explain", "prepare"]

Kernels = Mapping[str, Callable[..., Any]]


@dataclass(frozen=True)
class KernelSource:
    """Where a device's kernel for an op comes from.

    Attributes:
        op: the op's name.
        source: ``native``, ``overlay``, ``decomposed``, ``fallback`` (to the host, where the policy
            permits) or ``missing``.
        origin: the name of the backend or overlay; ``dlf`` for all else.
        others: those whose kernel for the op was not taken, by descending priority.
        otherwise: what would run if the device had no kernel: one of the last three sources.
        dtypes: the dtypes in which the kernel is used, where the backend claims it for some only.
    """

    op: str
    source: str
    origin: str
    others: tuple[str, ...] = ()
    otherwise: str = "missing"
    dtypes: tuple[str, ...] = ()


@dataclass
class _Prepared:
    """A device, the sources of its kernels in the order of their rank, and its backend's label."""

    device: Device
    layers: list[tuple[str, str, Kernels]]
    label: str


_prepared: list[_Prepared] = []


def prepare(device: Device) -> None:
    """Load the backend of `device` and fill the device's table."""
    from .plugin.host import get_host

    host = get_host()
    host.register_ops(registry)
    loaded = host.load_backend(device.type)
    backend = loaded.backend
    count = 1 if device.type == "cpu" else backend.device_count()
    if (device.index or 0) >= count:
        raise RuntimeError(
            f"invalid device index {device.index}: {device.type} has {count} device(s), 0 to "
            f"{count - 1}"
        )
    off = {n[1:] for n in os.environ.get("DLF_KERNELS", "").split(",") if n.startswith("-")}
    layers: list[tuple[str, str, Kernels]] = [
        ("overlay", overlay.name, overlay.kernels)
        for overlay in host.overlays(device.type)
        if overlay.name not in off
    ]
    layers.append(("native", loaded.spec.name, backend.kernels()))
    record = loaded.record
    label = f"backend {loaded.spec.name}, from {record.distribution} {record.version}"
    made = _Prepared(device, layers, label)
    device.backend, device.views = backend, "views" in backend.caps.features
    device.checks = "asynchronous" not in backend.caps.features
    chosen = [_choose(op, made) for op in registry]
    device.origins = [source for _, source in chosen]
    device.table.extend(kernel for kernel, _ in chosen)
    _prepared.append(made)


def _added(op: Op) -> None:
    for made in _prepared:
        kernel, source = _choose(op, made)
        made.device.origins.append(source)
        made.device.table.append(kernel)


def _removed(op: Op) -> None:
    for made in _prepared:
        del made.device.origins[op.slot :]
        del made.device.table[op.slot :]


registry.listeners.append(_added)
registry.removed.append(_removed)


def _choose(op: Op, made: _Prepared) -> tuple[Any, KernelSource]:
    """The table's entry for `op`, and where it comes from."""
    if op.kind == "internal":
        return _internal, KernelSource(op.name, "native", "dlf")
    device = made.device
    otherwise = _otherwise(op)
    having = [(kind, name, found[op.name]) for kind, name, found in made.layers if op.name in found]
    if having:
        kind, name, kernel = having[0]
        limits = device.backend.caps.op_dtypes.get(op.name) if kind == "native" else None
        source = KernelSource(
            op.name,
            kind,
            name,
            tuple(other for _, other, _ in having[1:]),
            otherwise,
            tuple(sorted(limits or ())),
        )
        way = composed(op, device) if op.decompose else on_host(op, device, made.label)
        return held(op, kernel, way, device, limits), source
    source = KernelSource(op.name, otherwise, "dlf", (), otherwise)
    return None if op.decompose else on_host(op, device, made.label), source


def _otherwise(op: Op) -> str:
    if op.decompose is not None:
        return "decomposed"
    return "fallback" if has_host_kernel(op.name) else "missing"


def _internal(*args: Any) -> Any:
    raise MissingKernelError("this op is recorded by dlf itself and has no kernel")


def composed(op: Op, device: Device) -> Callable[..., Any]:
    """The decomposition of `op` as a kernel of `device`: from its arrays to its arrays.

    It is called as a kernel is, with the `op.inputs` leading arguments as arrays, None, or tuples
    and lists of arrays; gradients and autocast are off inside. One that writes its inputs, as an
    optimizer's update does, gives None. ValueError if `op` has no decomposition.
    """
    decompose = op.decompose
    if decompose is None:
        raise ValueError(f"op '{op.name}' has no decomposition")

    def lift(a: Any) -> Any:
        if isinstance(a, (tuple, list)):
            return [lift(x) for x in a]
        return wrap(a, device.backend.dtype_of(a), device) if hasattr(a, "shape") else a

    def run(*args: Any) -> Any:
        from .amp.switch import paused
        from .autograd.mode import set_grad_enabled

        with set_grad_enabled(False), paused():
            out = decompose(*[lift(a) for a in args[: op.inputs]], *args[op.inputs :])
        if out is None:  # an optimizer's update, which writes in place
            return None
        return out._data if isinstance(out, Tensor) else tuple(o._data for o in out)

    return run


def explain(where: str | Device) -> list[KernelSource]:
    """For each op, where its kernel on device `where` comes from."""
    from .devices import resolve

    return list(resolve(where).origins)
