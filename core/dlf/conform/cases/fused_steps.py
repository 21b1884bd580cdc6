"""Samples of the optimizers' updates: lists of arrays, one entry a parameter, then numbers."""

from __future__ import annotations

from typing import Any

from .fused_inputs import Real, Sample, real

__all__ = ["ROWS"]

Rows = dict[str, dict[str, Sample]]

SHAPES: dict[str, tuple[tuple[int, ...], ...]] = {
    "one": ((3, 4),),
    "several": ((3, 4), (5,), (), (2, 1, 3), (1,)),
    "empty": ((0, 3), (2,)),
    "long": ((70000,), (3,)),
}


def _arrays(shapes: str, low: float = -2.0, high: float = 2.0) -> list[Real]:
    return [real(*shape, low=low, high=high) for shape in SHAPES[shapes]]


def _squares(shapes: str) -> list[Real]:
    return _arrays(shapes, 0.5, 2.0)


def _sgd(shapes: str, bufs: bool = True, **settings: Any) -> Sample:
    values = {
        "first": False,
        "lr": 0.1,
        "momentum": 0.9 if bufs else 0.0,
        "dampening": 0.0,
        "weight_decay": 0.0,
        "nesterov": False,
        "maximize": False,
        **settings,
    }
    states = _arrays(shapes) if bufs else None
    return _arrays(shapes), _arrays(shapes), states, *values.values()


def _adam(shapes: str, amsgrad: bool = False, **settings: Any) -> Sample:
    values = {
        "step": 3,
        "lr": 0.05,
        "beta1": 0.9,
        "beta2": 0.99,
        "eps": 1e-3,
        "weight_decay": 0.0,
        "decoupled": False,
        "maximize": False,
        **settings,
    }
    most = _squares(shapes) if amsgrad else None
    states = _arrays(shapes), _squares(shapes), most
    return _arrays(shapes), _arrays(shapes), *states, *values.values()


def _rmsprop(shapes: str, mean: bool = False, bufs: bool = False, **settings: Any) -> Sample:
    values = {
        "lr": 0.05,
        "alpha": 0.9,
        "eps": 1e-3,
        "weight_decay": 0.0,
        "momentum": 0.9 if bufs else 0.0,
        "maximize": False,
        **settings,
    }
    means = _arrays(shapes, -0.5, 0.5) if mean else None
    states = _squares(shapes), means, _arrays(shapes) if bufs else None
    return _arrays(shapes), _arrays(shapes), *states, *values.values()


def _adagrad(shapes: str, **settings: Any) -> Sample:
    values = {"lr": 0.05, "weight_decay": 0.0, "eps": 1e-3, "maximize": False, **settings}
    return _arrays(shapes), _arrays(shapes), _squares(shapes), *values.values()


ROWS: Rows = {
    "sgd_step": {
        **{shapes: _sgd(shapes) for shapes in SHAPES},
        "plain": _sgd("several", bufs=False),
        "first": _sgd("several", first=True, dampening=0.5),
        "all": _sgd("several", dampening=0.3, weight_decay=0.1, maximize=True),
        "nesterov": _sgd("several", nesterov=True, weight_decay=0.1),
        "plain decay": _sgd("long", bufs=False, weight_decay=0.1, maximize=True),
    },
    "adam_step": {
        **{shapes: _adam(shapes) for shapes in SHAPES},
        "first": _adam("several", step=1),
        "decay": _adam("several", weight_decay=0.1, maximize=True),
        "decoupled": _adam("several", weight_decay=0.1, decoupled=True),
        "amsgrad": _adam("several", amsgrad=True, weight_decay=0.1, decoupled=True),
        "amsgrad long": _adam("long", amsgrad=True, maximize=True),
    },
    "rmsprop_step": {
        **{shapes: _rmsprop(shapes) for shapes in SHAPES},
        "centered": _rmsprop("several", mean=True, weight_decay=0.1),
        "momentum": _rmsprop("several", bufs=True, maximize=True),
        "all": _rmsprop("long", mean=True, bufs=True, weight_decay=0.1),
    },
    "adagrad_step": {
        **{shapes: _adagrad(shapes) for shapes in SHAPES},
        "decay": _adagrad("several", weight_decay=0.1, maximize=True),
    },
}
