"""Runs an op on the host where a device has no kernel for it and the fallback policy permits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import fallback
from .errors import MissingKernelError

if TYPE_CHECKING:
    from .devices import device as Device
    from .registry import Op

__all__ = ["has_host_kernel", "on_host"]

Kernel = Callable[..., Any]

_kernels: dict[str, Kernel] = {}


def _host_kernel(name: str) -> Kernel | None:
    if not _kernels:
        import numpy

        from .xp import kernels

        _kernels.update(kernels(numpy))
    return _kernels.get(name)


def has_host_kernel(name: str) -> bool:
    """Whether the host can run the op `name`."""
    return _host_kernel(name) is not None


def on_host(op: Op, device: Device, label: str) -> Kernel:
    """A kernel for `op` that copies its arrays to the host, runs there and copies back.

    MissingKernelError where the policy of the moment is ``error`` or the host has no kernel.
    `label` names the backend in that message.
    """
    inputs = op.inputs

    def run(*args: Any) -> Any:
        kernel = _host_kernel(op.name)
        if kernel is None or fallback.get_policy() == "error":
            raise MissingKernelError(_missing(op, device, label, kernel is not None, args))
        backend = device.backend
        copied = 0

        def down(a: Any) -> Any:
            nonlocal copied
            if isinstance(a, (tuple, list)):
                return tuple(down(x) for x in a)
            if not hasattr(a, "shape"):
                return a
            host = backend.to_host(a)
            copied += host.nbytes
            return host

        def up(host: Any) -> Any:
            nonlocal copied
            copied += host.nbytes
            from .dtypes import from_numpy

            return device.put(host, from_numpy(host.dtype))

        result = kernel(*[down(a) for a in args[:inputs]], *args[inputs:])
        made = tuple(map(up, result)) if isinstance(result, tuple) else up(result)
        fallback.note(op.name, str(device), copied)
        return made

    return run


def _missing(op: Op, device: Device, label: str, on_host: bool, args: tuple[Any, ...]) -> str:
    ways = "ask its authors for a kernel, register one for it with an overlay plugin"
    if on_host:
        ways += (
            ", or let it run on the host with DLF_FALLBACK=allow (or `with "
            "dlf.fallback_policy('allow'):`)"
        )
    return (
        f"op '{op.name}' has no kernel on device {device} for {_dtypes(device, args)} "
        f"({label}). Ways out: {ways}"
    )


def _dtypes(device: Device, args: tuple[Any, ...]) -> str:
    from .dtypes import dtype

    flat = [x for a in args for x in (a if isinstance(a, tuple) else (a,))]
    kinds = [
        x if isinstance(x, dtype) else device.backend.dtype_of(x)
        for x in flat
        if isinstance(x, dtype) or hasattr(x, "shape")
    ]
    return ", ".join(dict.fromkeys(map(repr, kinds))) or "any dtype"
