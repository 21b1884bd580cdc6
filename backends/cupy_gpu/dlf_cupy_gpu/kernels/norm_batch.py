"""Batch normalization and its gradient."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

from dlf_cupy_gpu import launch
from dlf_cupy_gpu.module import Modules

from .common import Array, Kernel, accumulator, contiguous, kind, wide

__all__ = ["kernels"]

_FILE = "norm_batch.cu"

# Below this many neighbours of one channel, threads lie across channels.
_FEW = 32


class _Plan(NamedTuple):
    """The launches before and after the joining one, and what they are told."""

    suffix: str
    splits: int
    group: int
    reducing: launch.Launch
    applying: launch.Launch
    # (batch, columns, splits), or (batch, channels, inner, splits, lanes).
    sizes: tuple[int, ...]
    # (batch, channels, inner, splits), or (planes, channels, inner, lanes).
    apply_sizes: tuple[int, ...]


def _plan(modules: Modules, x: Array, others: tuple[Array, ...], batch: int) -> _Plan:
    channels, inner = x.shape[1], math.prod(x.shape[2:])
    processors = modules.processors()
    if inner < _FEW:
        columns = channels * inner
        spread, splits = launch.columns(columns, batch, processors)
        sizes, apply_sizes = (batch, columns, splits), (batch, channels, inner, splits)
        return _Plan("columns", splits, inner, spread, spread, sizes, apply_sizes)
    width = wide(modules, (x, *others), inner)
    found = launch.planes(batch, channels, inner, width, processors)
    return _Plan(
        "planes_wide" if width > 1 else "planes",
        found.splits,
        1,
        found.reducing,
        found.applying,
        (batch, channels, inner, found.splits, found.lanes),
        (batch * channels, channels, inner, found.lanes),
    )


def _join(channels: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return (launch.ceil_div(channels, 8),), (32, 8)


def _batch_norm(
    modules: Modules, x: Array, weight: Array | None, bias: Array | None, eps: float
) -> tuple[Array, Array, Array]:
    x = contiguous(modules, x)
    weight, bias = (None if a is None else contiguous(modules, a) for a in (weight, bias))
    xp, sums_in, channels = modules.xp, accumulator(x.dtype), x.shape[1]
    y = xp.empty(x.shape, x.dtype)
    if not x.size:
        nothing = xp.full((channels,), math.nan, x.dtype)
        return y, nothing, nothing.copy()
    mean, var = (xp.empty((channels,), x.dtype) for _ in range(2))
    plan = _plan(modules, x, (y,), x.shape[0])
    shares = xp.empty((plan.splits, channels, plan.group, 3), sums_in)
    coefficients = xp.empty((2, channels), sums_in)

    def call(name: str, where: Any, *arguments: Any) -> None:
        modules.function(_FILE, name, kind(x))(where[0], where[1], arguments)

    call(f"forward_partial_{plan.suffix}", plan.reducing, x, shares, *plan.sizes)
    call(
        "forward_join",
        _join(channels),
        *(shares, weight, mean, var, coefficients, float(eps)),
        *(channels, plan.splits, plan.group),
    )
    call(
        f"forward_apply_{plan.suffix}",
        plan.applying,
        *(x, coefficients, bias, y),
        *plan.apply_sizes,
    )
    return y, mean, var


def _batch_norm_backward(
    modules: Modules,
    grad: Array,
    x: Array,
    mean: Array,
    var: Array,
    weight: Array | None,
    eps: float,
) -> tuple[Array, Array, Array]:
    grad, x, mean, var = (contiguous(modules, a) for a in (grad, x, mean, var))
    weight = None if weight is None else contiguous(modules, weight)
    xp, sums_in, channels = modules.xp, accumulator(x.dtype), x.shape[1]
    dx = xp.empty(x.shape, x.dtype)
    if not x.size:
        return dx, xp.zeros((channels,), x.dtype), xp.zeros((channels,), x.dtype)
    by_weight, by_bias = (xp.empty((channels,), x.dtype) for _ in range(2))
    plan = _plan(modules, x, (grad, dx), x.shape[0])
    shares = xp.empty((plan.splits, channels, plan.group, 2), sums_in)
    coefficients = xp.empty((5, channels), sums_in)
    eps = float(eps)

    def call(name: str, where: Any, *arguments: Any) -> None:
        modules.function(_FILE, name, kind(x))(where[0], where[1], arguments)

    sizes = plan.sizes
    if plan.suffix == "columns":
        batch, columns, splits = sizes
        sizes = (batch, columns, plan.group, splits)
    call(f"backward_partial_{plan.suffix}", plan.reducing, grad, x, mean, var, shares, eps, *sizes)
    call(
        "backward_join",
        _join(channels),
        *(shares, weight, mean, var, by_weight, by_bias, coefficients, eps),
        *(channels, plan.splits, plan.group, x.size // channels),
    )
    call(
        f"backward_apply_{plan.suffix}", plan.applying, grad, x, coefficients, dx, *plan.apply_sizes
    )
    return dx, by_weight, by_bias


def kernels(modules: Modules) -> dict[str, Kernel]:
    """Kernel by op name."""
    return {
        "batch_norm": partial(_batch_norm, modules),
        "batch_norm_backward": partial(_batch_norm_backward, modules),
    }
