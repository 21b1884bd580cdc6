"""What `dlf_numpy_cpu` adds to dlf: the `cpu` device."""

from __future__ import annotations

from dlf.plugin import BackendSpec, hookimpl

__all__ = ["dlf_backends"]


@hookimpl
def dlf_backends(api: object) -> list[BackendSpec]:
    """The `cpu` device; NumPy is imported with the backend, not before."""
    return [
        BackendSpec(
            name="numpy_cpu",
            device_type="cpu",
            load="dlf_numpy_cpu.backend:NumpyBackend",
            requires_api=">=1.0,<2",
            priority=0,
            native=False,
        )
    ]
