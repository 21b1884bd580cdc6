"""Says where the optimizer is. Imported for every list of optimizers, so nothing slow here."""

from dlf.plugin import hookimpl


@hookimpl
def dlf_optimizers():
    return {"my_thing": "dlf_my_thing.optimizer:MyThing"}
