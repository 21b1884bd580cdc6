"""Faults of fused losses."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .fault import Array, Fault
from .plants import altered, called, hosted

__all__ = ["FAULTS"]


def _loss(
    log_probs: Array,
    target: Array,
    weight: Any,
    ignore_index: int,
    reduction: str,
    *,
    ignoring: bool = True,
    by_weight: bool = True,
) -> tuple[Array, Array]:
    dtype = log_probs.dtype
    safe = np.where((target < 0) | (target >= log_probs.shape[1]), 0, target)
    counts = target != ignore_index if ignoring else np.ones(target.shape, bool)
    scale = counts * (1.0 if weight is None else weight.astype(np.float64)[safe])
    picked = np.take_along_axis(log_probs.astype(np.float64), safe[:, None], 1)[:, 0]
    loss, total = np.where(counts, -picked * scale, 0.0), scale.sum()
    if reduction == "mean":
        loss = loss.sum() / (total if by_weight else max(target.size, 1))
    elif reduction == "sum":
        loss = loss.sum()
    return np.asarray(loss, dtype), np.asarray(total, dtype)


def _ignored_too(
    out: Array,
    grad: Array,
    target: Array,
    weight: Any,
    total: Array,
    classes: int,
    ignore_index: int,
    reduction: str,
) -> Array:
    ignored = target == ignore_index
    if not ignored.any():
        return out
    places = np.where(ignored & (target >= 0) & (target < classes), target, 0)
    wrong = out.copy()
    more = np.where(ignored, 1, 0).astype(out.dtype)[:, None]
    np.put_along_axis(wrong, places[:, None], np.take_along_axis(out, places[:, None], 1) + more, 1)
    return wrong


FAULTS = (
    Fault(
        "mse_loss/always-mean",
        "mse_loss",
        called(
            lambda kernel, a, b, reduction: kernel(
                a, b, "mean" if reduction == "sum" else reduction
            )
        ),
        "a sum is asked for and a mean is given",
    ),
    Fault(
        "nll/nothing-ignored",
        "nll",
        hosted(partial(_loss, ignoring=False)),
        "the targets that ignore_index names are counted",
    ),
    Fault(
        "nll/mean-of-all",
        "nll",
        hosted(partial(_loss, by_weight=False)),
        "the mean is divided by the count, not by the sum of the weights",
    ),
    Fault(
        "nll_backward/ignored",
        "nll_backward",
        altered(_ignored_too),
        "the targets that ignore_index names get a gradient",
    ),
)
