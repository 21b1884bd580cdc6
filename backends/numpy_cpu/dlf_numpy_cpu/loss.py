"""Negative log-likelihood and its gradient; the formulas stand in `dlf.ops.loss`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dlf_numpy_cpu.lowprec import through_float32
from dlf_numpy_cpu.quiet import quiet

__all__ = ["kernels", "places_of", "scale_of"]

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]


def places_of(target: Ints, classes: int, ignore_index: int) -> tuple[Ints, Array | None]:
    """The flat places of the targets among ``(N, C, ...)`` values, and which targets count.

    None if all count. Ignored ones have the place of class 0.
    """
    counts: Array | None = None
    safe = target
    # As unsigned integers, negative classes are out of range, too.
    if _top(target) >= classes or 0 <= ignore_index < classes:
        counts = target != ignore_index
        safe = np.where(counts, target, 0)
        if _top(safe) >= classes:
            wrong = safe[(safe < 0) | (safe >= classes)].reshape(-1)[0]
            raise IndexError(f"Target {wrong} is out of bounds.")
    rows, inner = target.shape[0], math.prod(target.shape[1:])
    starts = np.arange(rows) * (classes * inner)
    if inner == 1:
        return safe.reshape(-1) + starts, counts
    places = safe.reshape(rows, inner) * inner
    places += starts[:, None]
    places += np.arange(inner)
    return places.reshape(-1), counts


def _top(target: Ints) -> int:
    return int(np.maximum.reduce(target.view(np.uint64), None, initial=0))


def scale_of(target: Ints, weight: Array | None, counts: Array | None) -> Array | None:
    """What the targets' losses are multiplied with; None for 1 everywhere."""
    if weight is None:
        return None
    return weight.take(target if counts is None else np.where(counts, target, 0))


def nll(
    log_probs: Array, target: Ints, weight: Array | None, ignore_index: int, reduction: str
) -> tuple[Array, Array]:
    """The loss, reduced, and the sum of the weights that counted."""
    places, counts = places_of(target, log_probs.shape[1], ignore_index)
    scale = scale_of(target, weight, counts)
    loss = np.negative(log_probs.reshape(-1).take(places).reshape(target.shape), out=...)
    if scale is not None:
        loss *= scale
    if counts is not None:
        loss = np.where(counts, loss, loss.dtype.type(0))
        scale = counts.astype(loss.dtype) if scale is None else scale * counts
    if scale is None:
        total = np.array(target.size, loss.dtype)
    else:
        total = np.add.reduce(scale, None, out=...)
    if reduction == "none":
        return loss, total
    summed: Array = np.add.reduce(loss, None, out=...)
    if reduction == "mean":
        summed /= total
    return summed, total


def nll_backward(
    grad: Array,
    target: Ints,
    weight: Array | None,
    total_weight: Array,
    classes: int,
    ignore_index: int,
    reduction: str,
) -> Array:
    """Gradient of `nll` by `log_probs`."""
    places, counts = places_of(target, classes, ignore_index)
    scale = scale_of(target, weight, counts)
    slope = np.negative(grad, out=...)
    if reduction == "mean":
        slope /= total_weight
    if scale is not None:
        slope = slope * scale
    if counts is not None:
        slope = np.where(counts, slope, slope.dtype.type(0))
    out = np.zeros((target.shape[0], classes, *target.shape[1:]), grad.dtype)
    out.reshape(-1)[places] = slope.reshape(-1) if slope.size == places.size else slope
    return out


def kernels() -> dict[str, Callable[..., Any]]:
    """Kernel by name."""
    return {k.__name__: through_float32(quiet(k)) for k in (nll, nll_backward)}
