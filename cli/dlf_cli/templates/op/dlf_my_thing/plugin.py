"""Declares the op when a device is first used."""

from dlf.plugin import hookimpl


@hookimpl
def dlf_ops(registry):
    import dlf_my_thing.ops  # noqa: F401  # declares it
