"""Samples of the fused ops of layers and losses: a row an op, an entry a set of arguments."""

from __future__ import annotations

from functools import partial
from math import inf, nan
from typing import Any

from .fused_inputs import Derived, Sample, Values, Whole, out_of, real

__all__ = ["ROWS"]

Rows = dict[str, dict[str, Sample]]

# Rows with a NaN, with an infinity, with nothing but minus infinity, with a large offset.
ROWS_SPECIAL = Values(
    [
        [1.0, nan, 2.0, 0.5],
        [inf, 1.0, 0.0, -1.0],
        [-inf, 1.0, 0.0, -1.0],
        [-inf, -inf, -inf, -inf],
        [300.0, 299.0, 298.5, 0.0],
        [-300.0, -299.0, -298.5, -302.0],
    ]
)


def _normalized() -> dict[str, Sample]:
    """Samples of `softmax` and `log_softmax`."""
    return {
        "rows": (real(3, 5), 1),
        "columns": (real(3, 5, low=-8, high=8), 0),
        "middle": (real(2, 3, 4), 1),
        "one": (real(1), 0),
        "empty": (real(0, 5), 1),
        "empty rows": (real(3, 0), 1),
        "long": (real(400, 300, low=-8, high=8), 1),
        "many": (real(30000, 3), 1),
        "special": (ROWS_SPECIAL, 1),
    }


def _normalized_backward(op: str) -> dict[str, Sample]:
    def sample(*shape: int, dim: int) -> Sample:
        of = Derived(lambda grad: out_of(op, grad[::-1] * 1.5, dim))
        return real(*shape), of, dim

    return {
        "rows": sample(3, 5, dim=1),
        "columns": sample(3, 5, dim=0),
        "middle": sample(2, 3, 4, dim=1),
        "one": sample(1, dim=0),
        "empty": sample(0, 5, dim=1),
        "many": sample(30000, 3, dim=1),
        "special": (Values([[1.0, nan, 2.0], [inf, 0.5, 1.0]]), Values([[0.25, 0.5, 0.25]] * 2), 1),
    }


# Their means are exact, and the difference of mean squares and squared mean is lost in float32.
_FAR = Values([[4096.0, 4097, 4098, 4099, 4100], [5000, 5001, 4998, 5003, 5003]])


def _layer_norm_backward(*shape: int, ndim: int, weight: bool) -> Sample:
    def statistic(at: int) -> Derived:
        return Derived(
            lambda grad, input, *_: out_of("layer_norm", input, None, None, ndim, 1e-5, at=at)
        )

    inner = real(*shape[len(shape) - ndim :], low=0.3, high=1.7) if weight else None
    return real(*shape), real(*shape), statistic(1), statistic(2), inner, ndim


def _batch_norm_backward(*shape: int, weight: bool) -> Sample:
    def statistic(at: int) -> Derived:
        return Derived(lambda grad, input, *_: out_of("batch_norm", input, None, None, 1e-5, at=at))

    scale = real(shape[1], low=0.3, high=1.7) if weight else None
    return real(*shape), real(*shape), statistic(1), statistic(2), scale, 1e-5


def _rms_norm_backward(*shape: int, ndim: int, weight: bool) -> Sample:
    inner = real(*shape[len(shape) - ndim :], low=0.3, high=1.7) if weight else None
    root = Derived(lambda grad, input: out_of("rms_norm", input, None, ndim, 1e-5, at=1))
    return real(*shape), real(*shape), root, inner, ndim


_UNIT: dict[str, Any] = {"low": 0.3, "high": 1.7}
# A row of little variance shows what epsilon is added to.
FLAT = Values([[0.001, 0.002, 0.0015, 0.001], [1.0, 1.0, 1.0, 1.0], [2.0, -1.0, 0.5, 4.0]])

NORMS: Rows = {
    "layer_norm": {
        "rows": (real(3, 5), real(5, **_UNIT), real(5), 1, 1e-5),
        "planes": (real(2, 3, 4), real(3, 4, **_UNIT), real(3, 4), 2, 1e-5),
        "plain": (real(3, 5), None, None, 1, 1e-5),
        "weight alone": (real(3, 5), real(5), None, 1, 1e-5),
        "bias alone": (real(3, 5), None, real(5), 1, 1e-5),
        "flat": (FLAT, None, None, 1, 1e-3),
        "far from 0": (_FAR, None, None, 1, 1e-5),
        "one": (real(1, 1), real(1), real(1), 1, 1e-5),
        "empty": (real(0, 5), real(5), real(5), 1, 1e-5),
        "many": (real(500, 300), real(300), real(300), 1, 1e-5),
        "special": (ROWS_SPECIAL, None, None, 1, 1e-5),
    },
    "layer_norm_backward": {
        "rows": _layer_norm_backward(3, 5, ndim=1, weight=True),
        "planes": _layer_norm_backward(2, 3, 4, ndim=2, weight=True),
        "plain": _layer_norm_backward(3, 5, ndim=1, weight=False),
        "empty": _layer_norm_backward(0, 5, ndim=1, weight=True),
        "many": _layer_norm_backward(60, 300, ndim=1, weight=True),
    },
    "rms_norm": {
        "rows": (real(3, 5), real(5, **_UNIT), 1, 1e-5),
        "planes": (real(2, 3, 4), real(3, 4), 2, 1e-5),
        "plain": (real(3, 5), None, 1, 1e-5),
        "flat": (FLAT, None, 1, 1e-3),
        "empty": (real(0, 5), real(5), 1, 1e-5),
        "special": (Values([[1.0, nan, 2.0], [inf, 1.0, 0.0]]), None, 1, 1e-5),
    },
    "rms_norm_backward": {
        "rows": _rms_norm_backward(3, 5, ndim=1, weight=True),
        "planes": _rms_norm_backward(2, 3, 4, ndim=2, weight=True),
        "plain": _rms_norm_backward(3, 5, ndim=1, weight=False),
    },
    "batch_norm": {
        "images": (real(2, 3, 4, 4), real(3, **_UNIT), real(3), 1e-5),
        "rows": (real(5, 3), real(3), real(3), 1e-5),
        "plain": (real(2, 3, 4), None, None, 1e-5),
        "flat": (FLAT, None, None, 1e-3),
        "weight alone": (real(4, 3, 2), real(3), None, 1e-5),
        "special": (Values([[1.0, nan, 2.0], [0.0, 1.0, inf]]), None, None, 1e-5),
    },
    "batch_norm_backward": {
        "images": _batch_norm_backward(2, 3, 4, 4, weight=True),
        "rows": _batch_norm_backward(5, 3, weight=True),
        "plain": _batch_norm_backward(2, 3, 4, weight=False),
    },
}


def _attention(
    *lead: int, length: int, keys: int, mask: Any = None, causal: bool = False
) -> Sample:
    query, key, value = (*lead, length, 4), (*lead, keys, 4), (*lead, keys, 3)
    return real(*query), real(*key), real(*value), mask, causal, 0.5


def _attention_backward(
    *lead: int, length: int, keys: int, mask: Any = None, causal: bool = False, more: bool = False
) -> Sample:
    query, key, value, *rest = _attention(*lead, length=length, keys=keys, mask=mask, causal=causal)
    total = Derived(
        lambda grad, grad_total, q, k, v, m: out_of("attention", q, k, v, m, causal, 0.5, at=1)
    )
    grad = real(*lead, length, 3)
    grad_total = real(*lead, length, 1) if more else None
    return grad, grad_total, query, key, value, mask, total, *rest[1:]


def _flash_attention_backward(
    *lead: int, length: int, keys: int, mask: Any = None, causal: bool = False, more: bool = False
) -> Sample:
    rest = _attention(*lead, length=length, keys=keys, mask=mask, causal=causal)

    def out(*args: Any, at: int) -> Any:
        return out_of("flash_attention", *args[2:6], causal, 0.5, at=at)

    both = Derived(partial(out, at=0)), Derived(partial(out, at=1), sums=True)
    grad_total = Derived(lambda grad: grad[..., :1] * 0.75, sums=True) if more else None
    return real(*lead, length, 3), grad_total, *rest[:4], *both, *rest[4:]


_NOTHING_SEEN = Values([[0.0, -inf, 0.0, -1.0], [-inf, -inf, -inf, -inf], [0.5, 0.0, -inf, 1.0]])

_ATTENTION = {
    "heads": _attention(2, 3, length=5, keys=4),
    "single": _attention(length=3, keys=4),
    "causal": _attention(2, length=5, keys=5, causal=True),
    "mask": _attention(2, length=3, keys=4, mask=real(3, 4)),
    "nothing seen": _attention(2, length=3, keys=4, mask=_NOTHING_SEEN),
    "empty": _attention(0, length=3, keys=4),
    "one": _attention(1, length=1, keys=1),
}

ATTENTION: Rows = {
    "attention": _ATTENTION,
    "flash_attention": _ATTENTION,
    "attention_backward": {
        "heads": _attention_backward(2, 3, length=5, keys=4),
        "causal": _attention_backward(2, length=5, keys=5, causal=True),
        "mask": _attention_backward(2, length=3, keys=4, mask=real(2, 3, 4)),
        "nothing seen": _attention_backward(2, length=3, keys=4, mask=_NOTHING_SEEN),
        "both gradients": _attention_backward(2, length=3, keys=4, more=True),
    },
    "flash_attention_backward": {
        "heads": _flash_attention_backward(2, 3, length=5, keys=4),
        "causal": _flash_attention_backward(2, length=5, keys=5, causal=True),
        "mask": _flash_attention_backward(2, length=3, keys=4, mask=real(2, 3, 4)),
        "nothing seen": _flash_attention_backward(2, length=3, keys=4, mask=_NOTHING_SEEN),
        "both gradients": _flash_attention_backward(2, length=3, keys=4, more=True),
        "empty": _flash_attention_backward(0, length=3, keys=4),
    },
}


def _lstm_sequence_backward(cells: Any, gates: Any, reverse: bool) -> Sample:
    """With the gradient of the hidden states, and with those of cells and gates if wanted."""
    kept = real(5, 3, 8), real(5, 3, 2), real(3, 2), real(8, 2)
    return real(5, 3, 2), cells, gates, *kept, reverse


RECURRENT: Rows = {
    "lstm_gates": {
        "batch": (real(3, 8), real(3, 2)),
        "one": (real(1, 4), real(1, 1)),
        "empty": (real(0, 8), real(0, 2)),
    },
    "lstm_gates_backward": {"batch": (real(3, 2), real(3, 2), real(3, 8), real(3, 2))},
    "lstm_sequence": {
        "forward": (real(5, 3, 8), real(3, 2), real(3, 2), real(8, 2), False),
        "reverse": (real(5, 3, 8), real(3, 2), real(3, 2), real(8, 2), True),
        "one step": (real(1, 3, 8), real(3, 2), real(3, 2), real(8, 2), False),
        "no batch": (real(4, 8), real(2), real(2), real(8, 2), False),
    },
    "lstm_sequence_backward": {
        "all": _lstm_sequence_backward(real(5, 3, 2), real(5, 3, 8), False),
        "reverse": _lstm_sequence_backward(real(5, 3, 2), real(5, 3, 8), True),
        "one output": _lstm_sequence_backward(None, None, False),
    },
    "gru_gates": {
        "batch": (real(3, 6), real(3, 6), real(3, 2)),
        "empty": (real(0, 6), real(0, 6), real(0, 2)),
    },
    "gru_gates_backward": {"batch": (real(3, 2), real(3, 6), real(3, 6), real(3, 2))},
}

LINEAR: Rows = {
    "linear": {
        "rows": (real(3, 5), real(4, 5), real(4)),
        "plain": (real(3, 5), real(4, 5), None),
        "square": (real(3, 4), real(4, 4), real(4)),
        "vector": (real(5), real(4, 5), real(4)),
        "cube": (real(2, 3, 5), real(4, 5), real(4)),
        "empty": (real(0, 5), real(4, 5), real(4)),
        "nothing in": (real(3, 0), real(4, 0), real(4)),
        "one": (real(1, 1), real(1, 1), real(1)),
        "special": (Values([[1.0, nan], [inf, 1.0]]), real(3, 2), real(3)),
    },
    "bilinear": {
        "rows": (real(3, 2), real(3, 4), real(5, 2, 4), real(5)),
        "plain": (real(3, 2), real(3, 4), real(5, 2, 4), None),
    },
    "embedding": {
        "rows": (real(7, 3), Whole((2, 4), 7), -1, False),
        "padding": (real(7, 3), Whole((5,), 7), 2, True),
        "number": (real(7, 3), Whole((), 7), -1, False),
        "empty": (real(7, 3), Whole((0,), 7), -1, False),
    },
    "embedding_backward": {
        "rows": (real(2, 4, 3), Whole((2, 4), 5), 5, -1, False),
        "padding": (real(9, 3), Whole((9,), 4), 4, 2, False),
        "frequency": (real(9, 3), Whole((9,), 4), 4, -1, True),
        "empty": (real(0, 3), Whole((0,), 4), 4, -1, False),
    },
}

_TARGETS = Values([[2, 0], [4, 1], [1, 4]])
_CLASS_WEIGHT = real(5, low=0.2, high=2.0)
LOSSES: Rows = {
    "mse_loss": {
        **{word: (real(3, 5), real(3, 5), word) for word in ("mean", "sum", "none")},
        "empty": (real(0, 5), real(0, 5), "sum"),
        "one": (real(1), real(1), "mean"),
    },
    "mse_loss_backward": {
        "mean": (real(), real(3, 5), real(3, 5), "mean"),
        "sum": (real(), real(3, 5), real(3, 5), "sum"),
        "none": (real(3, 5), real(3, 5), real(3, 5), "none"),
        "empty": (real(), real(0, 5), real(0, 5), "mean"),
    },
    "smooth_l1": {
        "matrix": (real(3, 5), real(3, 5), 0.7),
        "zero": (real(3, 5), real(3, 5), 0.0),
    },
    "huber": {"matrix": (real(3, 5), real(3, 5), 0.7)},
    "binary_cross_entropy": {
        "matrix": (real(3, 5, low=0.05, high=0.95), real(3, 5, low=0, high=1)),
        "ends": (Values([0.0, 1.0, 0.0, 1.0]), Values([0.0, 1.0, 1.0, 0.0])),
    },
    "binary_cross_entropy_with_logits": {
        "matrix": (real(3, 5), real(3, 5, low=0, high=1), None),
        "weight": (real(3, 5), real(3, 5, low=0, high=1), real(5, low=0.2, high=2)),
        "large": (Values([80.0, -80.0]), Values([0.0, 1.0]), None),
    },
    "kl_divergence": {
        "plain": (real(3, 5), real(3, 5, low=0.1, high=1), False),
        "logarithm": (real(3, 5), real(3, 5), True),
        "zero": (real(2), Values([0.0, 0.5]), False),
    },
    "soft_margin": {"matrix": (real(3, 5), Values([[1.0, -1.0, 1.0, 1.0, -1.0]]))},
    "nll": {
        **{word: (real(3, 5, 2), _TARGETS, None, -100, word) for word in ("mean", "sum", "none")},
        "weight": (real(3, 5, 2), _TARGETS, _CLASS_WEIGHT, -100, "mean"),
        "ignored": (real(3, 5, 2), _TARGETS, None, 4, "mean"),
        "rows": (real(4, 5), Whole((4,), 5), _CLASS_WEIGHT, 1, "sum"),
    },
    "cross_entropy": {
        **{
            f"{word} {smoothing}": (real(3, 5, 2), _TARGETS, None, -100, smoothing, word)
            for word in ("mean", "sum", "none")
            for smoothing in (0.0, 0.2)
        },
        "weight": (real(3, 5, 2), _TARGETS, _CLASS_WEIGHT, -100, 0.1, "mean"),
        "ignored": (real(3, 5, 2), _TARGETS, None, 4, 0.1, "mean"),
        "rows": (real(4, 5), Whole((4,), 5), _CLASS_WEIGHT, 1, 0.0, "sum"),
        "many": (real(70, 300), Whole((70,), 300), None, -100, 0.0, "mean"),
        "large": (Values([[1e4, 0.0, -1e4, 1.0, 2.0]]), Values([0]), None, -100, 0.0, "mean"),
    },
    "cross_entropy_backward": {
        **{
            word: (real(), real(3, 5, 2), _TARGETS, None, Values(6.0), -100, 0.0, word)
            for word in ("mean", "sum")
        },
        "none": (real(3, 2), real(3, 5, 2), _TARGETS, None, Values(6.0), -100, 0.2, "none"),
        "weight": (real(), real(3, 5, 2), _TARGETS, _CLASS_WEIGHT, Values(3.5), 4, 0.1, "mean"),
        "many": (real(), real(70, 300), Whole((70,), 300), None, Values(70.0), -100, 0.0, "mean"),
    },
    "nll_backward": {
        "mean": (real(), _TARGETS, None, Values(6.0), 5, -100, "mean"),
        "weight": (real(), _TARGETS, _CLASS_WEIGHT, Values(3.5), 5, 4, "mean"),
        "none": (real(3, 2), _TARGETS, _CLASS_WEIGHT, Values(3.5), 5, -100, "none"),
    },
}

ROWS: Rows = {
    "softmax": _normalized(),
    "log_softmax": _normalized(),
    "softmax_backward": _normalized_backward("softmax"),
    "log_softmax_backward": _normalized_backward("log_softmax"),
    **NORMS,
    **ATTENTION,
    **RECURRENT,
    **LINEAR,
    **LOSSES,
}
