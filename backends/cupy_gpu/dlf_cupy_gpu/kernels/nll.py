"""Negative log-likelihood and its gradient."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from dlf_cupy_gpu import launch
from dlf_cupy_gpu.module import Modules

from .common import Array, Kernel, accumulator, contiguous, kind

__all__ = ["kernels"]

_FILE = "nll.cu"


def _targets(modules: Modules, target: Array, inner: tuple[int, ...]) -> tuple[Array, int]:
    """int64 targets in row-major order, and how many follow each other in one sample."""
    target = target if target.dtype == np.int64 else target.astype(np.int64)
    return contiguous(modules, target), math.prod(inner)


def _nll(
    modules: Modules,
    log_probs: Array,
    target: Array,
    weight: Array | None,
    ignore_index: int,
    reduction: str,
) -> tuple[Array, Array]:
    xp, dtype = modules.xp, log_probs.dtype
    log_probs = contiguous(modules, log_probs)
    weight = None if weight is None else contiguous(modules, weight)
    target, inner = _targets(modules, target, target.shape[1:])
    every = reduction == "none"
    loss, total = xp.empty(target.shape if every else (), dtype), xp.empty((), dtype)
    grid, block, _ = launch.items(target.size)
    # The last block sums what the others leave.
    parts = min(grid[0], 8 * modules.processors())
    shares = xp.empty((parts, 2), accumulator(dtype))
    each = loss if every else None
    modules.function(_FILE, "nll_partial", kind(log_probs))(
        (parts,),
        block,
        (
            *(log_probs, target, weight, each, shares),
            *(target.size, log_probs.shape[1], inner, ignore_index),
        ),
    )
    whole = None if every else loss
    modules.function(_FILE, "nll_finish", kind(log_probs))(
        (1,), block, (shares, whole, total, parts, int(reduction == "mean"))
    )
    return loss, total


def _nll_backward(
    modules: Modules,
    grad: Array,
    target: Array,
    weight: Array | None,
    total_weight: Array,
    classes: int,
    ignore_index: int,
    reduction: str,
) -> Array:
    grad = contiguous(modules, grad)
    weight = None if weight is None else contiguous(modules, weight)
    target, inner = _targets(modules, target, target.shape[1:])
    out = modules.xp.zeros((target.shape[0], classes, *target.shape[1:]), grad.dtype)
    if target.size:
        grid, block, _ = launch.items(target.size)
        single, mean = int(reduction != "none"), int(reduction == "mean")
        modules.function(_FILE, "nll_backward", kind(grad))(
            grid,
            block,
            (
                *(grad, target, weight, total_weight, out),
                *(target.size, classes, inner, ignore_index, single, mean),
            ),
        )
    return out


def kernels(modules: Modules) -> dict[str, Kernel]:
    """Kernel by op name."""
    return {"nll": partial(_nll, modules), "nll_backward": partial(_nll_backward, modules)}
