"""What `dlf_sim` adds to dlf: the `sim` device."""

from __future__ import annotations

from dlf.plugin import BackendSpec, hookimpl

__all__ = ["dlf_backends"]


@hookimpl
def dlf_backends(api: object) -> list[BackendSpec]:
    """The `sim` device, for tests."""
    return [
        BackendSpec(
            name="sim",
            device_type="sim",
            load="dlf_sim.backend:SimBackend",
            requires_api=">=1.0,<2",
            priority=0,
            native=False,
        )
    ]
