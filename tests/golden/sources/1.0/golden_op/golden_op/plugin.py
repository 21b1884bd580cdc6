"""Declares the ops when a device is first used."""

from dlf.plugin import hookimpl


@hookimpl
def dlf_ops(registry):
    import golden_op.ops  # noqa: F401  # declares them
