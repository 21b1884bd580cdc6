"""Tells dlf of the kernels; NumPy's part is imported when the device cpu is first used."""

from dlf.plugin import KernelSpec, hookimpl


@hookimpl
def dlf_kernels(api):
    return [
        KernelSpec(
            "blocked",
            "cpu",
            load="dlf_blocked.kernels:KERNELS",
            requires_api=">=1.0,<2",
            priority=10,
        )
    ]
