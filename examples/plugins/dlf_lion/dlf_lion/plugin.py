"""Tells dlf of the optimizer; its class is imported when somebody asks for it."""

from dlf.plugin import hookimpl


@hookimpl
def dlf_optimizers():
    return {"lion": "dlf_lion.optimizer:Lion"}
