"""Says where the device is. Imported for every list of devices, so no array library here."""

from dlf.plugin import BackendSpec, hookimpl


@hookimpl
def dlf_backends(api):
    return [
        BackendSpec(
            "my_thing",
            "my_thing",
            load="dlf_my_thing.backend:MyThingBackend",
            requires_api=">=1.0,<2",
        )
    ]
