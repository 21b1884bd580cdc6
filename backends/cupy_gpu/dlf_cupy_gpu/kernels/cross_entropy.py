"""Cross entropy of logits with class indices, and its gradient: one pass over the logits each."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from dlf_cupy_gpu import launch
from dlf_cupy_gpu.module import Modules

from .common import Array, Kernel, accumulator, contiguous, kind, wide

__all__ = ["kernels"]

_FILE = "cross_entropy.cu"


def _targets(modules: Modules, target: Array) -> Array:
    return contiguous(modules, target if target.dtype == np.int64 else target.astype(np.int64))


def _cross_entropy(
    modules: Modules,
    input: Array,
    target: Array,
    weight: Array | None,
    ignore_index: int,
    label_smoothing: float,
    reduction: str,
) -> tuple[Array, Array]:
    """The loss of logits (N, C, ...) and targets (N, ...), and the sum of the weights used."""
    xp, dtype = modules.xp, input.dtype
    input, target = contiguous(modules, input), _targets(modules, target)
    weight = None if weight is None else contiguous(modules, weight)
    every = reduction == "none"
    loss, total = xp.empty(target.shape if every else (), dtype), xp.empty((), dtype)
    count, classes, inner = target.size, input.shape[1], math.prod(input.shape[2:])
    losses = xp.empty((count, 2), accumulator(dtype))
    each = loss if every else None
    arguments = (input, target, weight, each, losses, count, classes, ignore_index)
    alone = inner > 1 or launch.is_short(classes, dtype.itemsize)
    if count and alone:
        grid, block, _ = launch.items(count, threads=128)
        function = modules.function(_FILE, "forward_strided", kind(input))
        function(grid, block, (*arguments, float(label_smoothing), inner))
    elif count:
        width = wide(modules, (input,))
        plan = launch.rows(count, classes, dtype.itemsize, width)
        entry = "forward_rows_wide" if width > 1 else "forward_rows_narrow"
        function = modules.function(_FILE, entry, kind(input))
        function(plan.grid, plan.block, (*arguments, float(label_smoothing)))
    finish = modules.function("nll.cu", "nll_finish", kind(input))
    whole = None if every else loss
    finish((1,), (512,), (losses, whole, total, count, int(reduction == "mean")))
    return loss, total


def _cross_entropy_backward(
    modules: Modules,
    grad: Array,
    input: Array,
    target: Array,
    weight: Array | None,
    total_weight: Array,
    ignore_index: int,
    label_smoothing: float,
    reduction: str,
) -> Array:
    """The gradient by the logits; `total_weight` is what the loss gave."""
    grad, input = contiguous(modules, grad), contiguous(modules, input)
    target = _targets(modules, target)
    weight = None if weight is None else contiguous(modules, weight)
    dx = modules.xp.empty(input.shape, input.dtype)
    count, classes, inner = target.size, input.shape[1], math.prod(input.shape[2:])
    if not dx.size:
        return dx
    total = total_weight if reduction == "mean" else None
    arguments = (
        *(grad, input, target, weight, total, dx, count, classes, ignore_index),
        *(float(label_smoothing), int(reduction != "none")),
    )
    if inner > 1 or launch.is_short(classes, input.dtype.itemsize):
        grid, block, _ = launch.items(count, threads=128)
        function = modules.function(_FILE, "backward_strided", kind(input))
        function(grid, block, (*arguments, inner))
        return dx
    width = wide(modules, (input, dx))
    plan = launch.rows(count, classes, input.dtype.itemsize, width)
    entry = "backward_rows_wide" if width > 1 else "backward_rows_narrow"
    function = modules.function(_FILE, entry, kind(input))
    function(plan.grid, plan.block, (*arguments, int(plan.cached)), plan.shared)
    return dx


def kernels(modules: Modules) -> dict[str, Kernel]:
    """Kernel by op name."""
    return {
        "cross_entropy": partial(_cross_entropy, modules),
        "cross_entropy_backward": partial(_cross_entropy_backward, modules),
    }
