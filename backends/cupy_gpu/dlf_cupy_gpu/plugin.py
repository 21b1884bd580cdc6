"""What `dlf_cupy_gpu` adds to dlf: the `cuda` device."""

from __future__ import annotations

from dlf.plugin import BackendSpec, hookimpl

__all__ = ["dlf_backends"]


@hookimpl
def dlf_backends(api: object) -> list[BackendSpec]:
    """The `cuda` device; CuPy is imported with the backend's probe, not before."""
    return [
        BackendSpec(
            name="cupy_gpu",
            device_type="cuda",
            load="dlf_cupy_gpu.backend:CupyBackend",
            requires_api=">=1.0,<2",
            priority=0,
            # A driver's library may end the process that loads it, or never return.
            native=True,
        )
    ]
