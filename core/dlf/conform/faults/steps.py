"""Faults of fused optimizer updates, which write their arguments in place."""

from __future__ import annotations

from typing import Any

from .fault import Fault, Plant
from .plants import called

__all__ = ["FAULTS"]

_PARAMS = {
    "sgd_step": "params grads bufs first lr momentum dampening weight_decay nesterov maximize",
    "adam_step": (
        "params grads exp_avgs exp_avg_sqs max_exp_avg_sqs step lr beta1 beta2 eps weight_decay "
        "decoupled maximize"
    ),
    "rmsprop_step": (
        "params grads square_avgs grad_avgs bufs lr alpha eps weight_decay momentum maximize"
    ),
    "adagrad_step": "params grads sums lr weight_decay eps maximize",
}


def _with(op: str, **changed: Any) -> Plant:
    """The update with other arguments; a callable gets all arguments by name."""
    names = _PARAMS[op].split()

    def call(kernel: Any, *args: Any) -> Any:
        given = dict(zip(names, args, strict=True))
        new = {name: value(given) if callable(value) else value for name, value in changed.items()}
        return kernel(*{**given, **new}.values())

    return called(call)


def _fault(name: str, why: str, **changed: Any) -> Fault:
    op = name.partition("/")[0]
    return Fault(name, op, _with(op, **changed), why, groups=("system",))


def _uncorrected(a: dict[str, Any]) -> Any:
    # lr * sqrt(1 - beta2^t) / (1 - beta1^t) taken back, eps aside.
    return a["lr"] * (1 - a["beta1"] ** a["step"]) / (1 - a["beta2"] ** a["step"]) ** 0.5


FAULTS = (
    _fault("sgd_step/no-nesterov", "nesterov is ignored", nesterov=False),
    _fault("sgd_step/first-dampened", "the first momentum is dampened, too", first=False),
    _fault("sgd_step/no-maximize", "maximize is ignored", maximize=False),
    _fault("sgd_step/no-decay", "weight decay is ignored", weight_decay=0.0),
    _fault("adam_step/no-correction", "the averages' start at 0 is not corrected", lr=_uncorrected),
    _fault(
        "adam_step/one-late",
        "the correction is that of the next step",
        step=lambda a: a["step"] + 1,
    ),
    _fault(
        "adam_step/coupled",
        "AdamW's decay goes through the averages, as Adam's does",
        decoupled=False,
    ),
    _fault("adam_step/no-amsgrad", "the largest average is not kept", max_exp_avg_sqs=None),
    _fault("rmsprop_step/not-centred", "the mean gradient is not taken off", grad_avgs=None),
    _fault("rmsprop_step/no-momentum", "momentum is ignored", bufs=None),
    _fault("adagrad_step/no-decay", "weight decay is ignored", weight_decay=0.0),
    _fault("adagrad_step/no-eps", "eps is ignored", eps=0.0),
)
