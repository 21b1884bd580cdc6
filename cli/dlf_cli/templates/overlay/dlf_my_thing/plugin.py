"""Says where the kernels are. Imported for every list of devices, so no array library here."""

from dlf.plugin import KernelSpec, hookimpl


@hookimpl
def dlf_kernels(api):
    # Write here: the device, and a priority above that of overlays that yours should win over.
    return [
        KernelSpec(
            "my_thing",
            "cpu",
            load="dlf_my_thing.kernels:KERNELS",
            requires_api=">=1.0,<2",
            priority=10,
        )
    ]
