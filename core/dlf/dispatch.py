"""Fills a device's table: for each op the overlay's kernel, the backend's, the decomposition, or
the host.

This runs once a device, when it is first used; afterwards an op is a list look-up. None in a table
marks an
op that runs by its decomposition.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import fallback
from .devices import device as Device
from .errors import MissingKernelError
from .registry import Op, registry

__all__ = ["KernelSource", "explain", "prepare"]

_LEVEL0 = ("from_host", "to_host", "assign")
_host_kernels: dict[str, Callable[..., Any]] = {}
_prepared: list[_Prepared] = []


@dataclass(frozen=True)
class KernelSource:
    """Where a device's kernel for `op` comes from.

    `source` is ``native``, ``overlay``, ``decomposed``, ``fallback`` or ``missing``; `origin` names
    the
    plugin; `others` are the plugins whose kernel for it was not taken.
    """

    op: str
    source: str
    origin: str
    others: tuple[str, ...] = ()


@dataclass
class _Prepared:
    device: Device
    layers: list[tuple[str, str, Mapping[str, Callable[..., Any]]]]
    label: str


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
    layers = [
        ("overlay", overlay.name, overlay.kernels)
        for overlay in host.overlays(device.type)
        if overlay.name not in off
    ]
    layers.append(("native", loaded.spec.name, backend.kernels()))
    record = loaded.record
    made = _Prepared(device, layers, f"{record.distribution} {record.version}")
    device.backend, device.views = backend, "views" in backend.caps.features
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
    having = [
        (kind, name, kernels[op.name]) for kind, name, kernels in made.layers if op.name in kernels
    ]
    if having:
        kind, name, kernel = having[0]
        return kernel, KernelSource(op.name, kind, name, tuple(n for _, n, _ in having[1:]))
    if op.decompose is not None:
        return None, KernelSource(op.name, "decomposed", "dlf")
    if op.kind == "internal":
        return _internal, KernelSource(op.name, "native", "dlf")
    source = "fallback" if _host_kernel(op.name) is not None else "missing"
    return _host_fallback(op, made), KernelSource(op.name, source, "dlf")


def _internal(*args: Any) -> Any:
    raise MissingKernelError("this op is recorded by dlf itself and has no kernel")


def _host_kernel(name: str) -> Callable[..., Any] | None:
    if not _host_kernels:
        import numpy

        from .xp import kernels

        _host_kernels.update(kernels(numpy))
    return _host_kernels.get(name)


def _host_fallback(op: Op, made: _Prepared) -> Callable[..., Any]:
    """A kernel that copies to the host, runs there and copies back, if the policy of the moment
    permits."""
    device, name = made.device, op.name
    backend = device.backend
    index = device.index or 0

    def run(*args: Any) -> Any:
        kernel = _host_kernel(name)
        policy = fallback.get_policy()
        if kernel is None or policy == "error":
            raise MissingKernelError(_missing(op, made, kernel is not None, _dtypes(backend, args)))
        copied = 0

        def down(a: Any) -> Any:
            nonlocal copied
            host = backend.to_host(a)
            copied += host.nbytes
            return host

        inputs = op.inputs
        hosts = [
            tuple(down(x) for x in a)
            if isinstance(a, (tuple, list))
            else down(a)
            if hasattr(a, "shape")
            else a
            for a in args[:inputs]
        ]
        result = kernel(*hosts, *args[inputs:])
        outs = result if isinstance(result, tuple) else (result,)
        copied += sum(o.nbytes for o in outs)
        fallback.note(name, str(device), copied)
        from .dtypes import from_numpy

        made_outs = tuple(backend.from_host(o, from_numpy(o.dtype), index) for o in outs)
        return made_outs if isinstance(result, tuple) else made_outs[0]

    return run


def _dtypes(backend: Any, args: Sequence[Any]) -> str:
    """The dtypes of a kernel's arguments; arrays are opaque, so their host copies tell."""
    from .dtypes import dtype, from_numpy

    flat = [x for a in args for x in (a if isinstance(a, tuple) else (a,))]
    kinds = [
        x if isinstance(x, dtype) else from_numpy(backend.to_host(x).dtype)
        for x in flat
        if isinstance(x, dtype) or hasattr(x, "shape")
    ]
    return ", ".join(dict.fromkeys(map(repr, kinds))) or "any dtype"


def _missing(op: Op, made: _Prepared, on_host: bool, dtypes: str) -> str:
    ways = "ask its authors for a kernel, register one for it with an overlay plugin"
    if on_host:
        ways += (
            ", or let it run on the host with DLF_FALLBACK=allow "
            "(or `with dlf.fallback_policy('allow'):`)"
        )
    return (
        f"op '{op.name}' has no kernel on device {made.device} for {dtypes} "
        f"(backend {made.layers[-1][1]}, from {made.label}). Ways out: {ways}"
    )


def explain(where: str | Device) -> list[KernelSource]:
    """For each op, where its kernel on device `where` comes from."""
    from .devices import resolve

    return list(resolve(where).origins)


def host_kernel_names(names: Sequence[str]) -> list[str]:
    """Those of `names` that the host can run."""
    return [n for n in names if _host_kernel(n) is not None]
