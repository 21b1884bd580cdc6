"""The built-in optimizers, registered as a stranger's are."""

from __future__ import annotations

from dlf.plugin import hookimpl

__all__ = ["dlf_optimizers"]


@hookimpl
def dlf_optimizers() -> dict[str, str]:
    """Name and class of each built-in optimizer."""
    return {
        "adagrad": "dlf.optim.adagrad:Adagrad",
        "adam": "dlf.optim.adam:Adam",
        "adamw": "dlf.optim.adamw:AdamW",
        "rmsprop": "dlf.optim.rmsprop:RMSprop",
        "sgd": "dlf.optim.sgd:SGD",
    }
