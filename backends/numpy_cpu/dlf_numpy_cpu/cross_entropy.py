"""Cross entropy and its gradient from the logits; the formulas stand in `dlf.ops.cross_entropy`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dlf_numpy_cpu.loss import places_of, scale_of
from dlf_numpy_cpu.lowprec import through_float32
from dlf_numpy_cpu.quiet import quiet
from dlf_numpy_cpu.reduce import row_max, row_sums

__all__ = ["kernels"]

Array = npt.NDArray[Any]


def _rows(values: Array) -> Array:
    """(N, C, ...) as rows of C, a copy of values that may be written."""
    if values.ndim > 2:
        values = np.moveaxis(values, 1, -1)
    return np.array(values.reshape(-1, values.shape[-1]), order="C")


def _shift(rows: Array) -> None:
    if rows.shape[1]:
        rows -= row_max(rows)[:, None]


def cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None,
    ignore_index: int,
    label_smoothing: float,
    reduction: str,
) -> tuple[Array, Array]:
    """The loss, reduced, and the sum of the weights that counted."""
    classes, flat = input.shape[1], target.reshape(-1)
    places, counts = places_of(flat, classes, ignore_index)
    scale = scale_of(flat, weight, counts)
    x = _rows(input)
    _shift(x)
    loss = x.reshape(-1).take(places)
    uniform = None
    if label_smoothing:
        uniform = row_sums(x) if weight is None else x @ weight
    np.exp(x, out=x)
    log_sums = np.log(row_sums(x))
    np.subtract(log_sums, loss, out=loss)
    if scale is not None:
        loss *= scale
    if uniform is not None:
        whole = classes if weight is None else weight.sum()
        loss *= 1 - label_smoothing
        loss += (whole * log_sums - uniform) * (label_smoothing / classes)
    if counts is not None:
        loss = np.where(counts, loss, loss.dtype.type(0))
        scale = counts.astype(loss.dtype) if scale is None else scale * counts
    total = np.array(flat.size if scale is None else np.add.reduce(scale), loss.dtype)
    if reduction == "none":
        return loss.reshape(target.shape), total
    summed: Array = np.add.reduce(loss, None, out=...)
    if reduction == "mean":
        summed /= total
    return summed, total


def cross_entropy_backward(
    grad: Array,
    input: Array,
    target: Array,
    weight: Array | None,
    total_weight: Array,
    ignore_index: int,
    label_smoothing: float,
    reduction: str,
) -> Array:
    """Gradient of `cross_entropy` by its logits."""
    classes, flat = input.shape[1], target.reshape(-1)
    places, counts = places_of(flat, classes, ignore_index)
    scale = scale_of(flat, weight, counts)
    each = grad / total_weight if reduction == "mean" else grad
    each = np.broadcast_to(each.reshape(-1), flat.shape)
    if counts is not None:
        each = np.where(counts, each, each.dtype.type(0))
    slope = each if scale is None else each * scale
    x = _rows(input)
    _shift(x)
    np.exp(x, out=x)
    sums = row_sums(x)
    if label_smoothing:
        spread = each * (label_smoothing / classes)
        slope = slope * (1 - label_smoothing)
        whole = classes if weight is None else weight.sum()
        x *= ((slope + spread * whole) / sums)[:, None]
        x -= spread[:, None] if weight is None else spread[:, None] * weight
    else:
        x *= (slope / sums)[:, None]
    x.reshape(-1)[places] -= slope
    if input.ndim == 2:
        return x
    moved = x.reshape(input.shape[0], *input.shape[2:], classes)
    return np.ascontiguousarray(np.moveaxis(moved, -1, 1))


def kernels() -> dict[str, Callable[..., Any]]:
    """Kernel by name."""
    own = (cross_entropy, cross_entropy_backward)
    return {k.__name__: through_float32(quiet(k)) for k in own}
