"""Attention and its gradients without the matrix of weights in memory."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from dlf_cupy_gpu.launch import is_wide
from dlf_cupy_gpu.module import Modules

from . import attention_launch as geometry
from .common import Array, Kernel, accumulator, contiguous, kind

__all__ = ["kernels"]

Ints = tuple[int, ...]


class _Sizes(NamedTuple):
    """What all entries take last."""

    batches: int
    inner: int
    queries: int
    keys: int
    features: int
    values: int
    causal: int
    scale: float


def _cast(array: Array, dtype: Any) -> Array:
    return array if array.dtype == dtype else array.astype(dtype)


def _steps(array: Array) -> Ints:
    return tuple(s // array.itemsize for s in array.strides)


def _span(modules: Modules, array: Array) -> Array:
    """The array's memory from its first element to its last, as a row; the array if it is one."""
    if array.flags.c_contiguous:
        return array
    extent = sum((n - 1) * s for n, s in zip(array.shape, array.strides, strict=True))
    count, item = extent // array.itemsize + 1, array.itemsize
    return modules.xp.lib.stride_tricks.as_strided(array, (count,), (item,))


def _operand(modules: Modules, array: Array, lead: Ints) -> tuple[Any, ...]:
    """Array, its steps by the batch's outer and inner dimension, and by row."""
    xp = modules.xp
    if array.shape[:-2] != lead:
        array = xp.broadcast_to(array, (*lead, *array.shape[-2:]))
    steps = _steps(array)
    batch = geometry.batch_steps(lead, steps[:-2])
    if batch is None or (steps[-1] != 1 and array.shape[-1] > 1) or min(steps) < 0:
        array = xp.ascontiguousarray(array)
        steps = _steps(array)
        batch = geometry.batch_steps(lead, steps[:-2])
    assert batch is not None
    return _span(modules, array), *batch, steps[-2]


def _mask(modules: Modules, mask: Array | None, dtype: Any, shape: Ints) -> tuple[Any, ...]:
    """The mask in the operands' dtype, with its steps by outer, inner, query and key."""
    if mask is None:
        return None, 0, 0, 0, 0
    xp = modules.xp
    full = xp.broadcast_to(_cast(mask, dtype), shape)
    batch = geometry.batch_steps(shape[:-2], _steps(full)[:-2])
    if batch is None or min(_steps(full)) < 0:
        # One copy of what is there, not of what it is broadcast to, where that is enough.
        flat = xp.ascontiguousarray(full if batch is None else _cast(mask, dtype))
        full = xp.broadcast_to(flat, shape)
        batch = geometry.batch_steps(shape[:-2], _steps(full)[:-2])
    assert batch is not None
    return _span(modules, full), *batch, *_steps(full)[-2:]


class _Call:
    """Operands, sizes and the choice of entries of one call."""

    def __init__(
        self,
        modules: Modules,
        operands: tuple[Array, ...],
        mask: Array | None,
        is_causal: bool,
        scale: float,
    ) -> None:
        self.modules = modules
        query, key, value = operands[-3:]
        self.lead = tuple(np.broadcast_shapes(*(a.shape[:-2] for a in operands)))
        if mask is not None:
            self.lead = tuple(np.broadcast_shapes(self.lead, mask.shape[:-2]))
        self.dtype = query.dtype
        self.sizes = _Sizes(
            math.prod(self.lead),
            self.lead[-1] if self.lead else 1,
            query.shape[-2],
            key.shape[-2],
            query.shape[-1],
            value.shape[-1],
            int(is_causal),
            float(scale),
        )
        self.empty = not self.sizes.batches or not self.sizes.queries
        if self.empty or not self.sizes.keys:
            return
        laid = [_operand(modules, a, self.lead) for a in operands]
        steps = [step for _, *rest in laid for step in rest]
        lengths = [self.sizes.features, self.sizes.values, *steps]
        addresses = [modules.address(a) for a, *_ in laid]
        self.wide = is_wide(self.dtype.itemsize, addresses, lengths)
        rows = max(self.sizes.queries, self.sizes.keys)
        columns = max(self.sizes.features, self.sizes.values)
        self.flash = geometry.is_flash(self.dtype.itemsize, self.wide, rows, columns)
        self.constants = geometry.constants(columns, self.flash, mask is not None)
        shape = (*self.lead, self.sizes.queries, self.sizes.keys)
        self.arguments = [part for a in laid for part in a]
        self.arguments += _mask(modules, mask, self.dtype, shape)

    def run(
        self, file: str, entry: str, rows: int, columns: int, *results: Any, scores: bool = False
    ) -> None:
        """Launch `entry` for `rows` of `columns` columns in every batch."""
        function = self.modules.function(file, entry, self.dtype.name, **self.constants)
        head, batches, itemsize = self.constants["HEAD"], self.sizes.batches, self.dtype.itemsize
        if self.flash:
            plan = geometry.flash_blocks(rows, head, batches)
        else:
            plan = geometry.blocks(rows, columns, head, batches, itemsize, scores)
        function(plan.grid, plan.block, (*self.arguments, *results, *self.sizes), plan.shared)


def _forward(
    modules: Modules,
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None,
    is_causal: bool,
    scale: float,
) -> tuple[Array, Array]:
    xp = modules.xp
    kind(query)
    call = _Call(modules, (query, key, value), mask, is_causal, scale)
    sizes = call.sizes
    result = xp.empty((*call.lead, sizes.queries, sizes.values), query.dtype)
    logsumexp = xp.empty((*call.lead, sizes.queries, 1), accumulator(query.dtype))
    if call.empty:
        return result, logsumexp
    if not sizes.keys:
        result.fill(0)
        logsumexp.fill(-math.inf)
        return result, logsumexp
    entry = "attention_wide" if call.wide else "attention"
    call.run("attention.cu", entry, sizes.queries, sizes.values, result, logsumexp, scores=True)
    return result, logsumexp


def _backward(
    modules: Modules,
    grad: Array,
    grad_logsumexp: Array | None,
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None,
    output: Array,
    logsumexp: Array,
    is_causal: bool,
    scale: float,
) -> tuple[Array, Array, Array, Array]:
    xp, dtype = modules.xp, query.dtype
    kind(query)
    call = _Call(modules, (grad, query, key, value), mask, is_causal, scale)
    sizes, lead = call.sizes, call.lead
    shape = (*lead, sizes.queries, sizes.keys)
    if call.empty or not sizes.keys:
        zeros = ((*lead, *a.shape[-2:]) for a in (query, key, value))
        by_query, by_key, by_value = (xp.zeros(s, dtype) for s in zeros)
        return by_query, by_key, by_value, xp.zeros(() if mask is None else shape, dtype)
    by_query, by_key, by_value = (
        xp.empty((*lead, *a.shape[-2:]), dtype) for a in (query, key, value)
    )
    by_scores = None
    if mask is not None:
        # Tiles that no causal query sees are left out.
        by_scores = (xp.zeros if sizes.causal else xp.empty)(shape, dtype)
    whole, sums_in = (*lead, sizes.queries, 1), accumulator(dtype)
    total, grad_total = (
        None if a is None else contiguous(modules, xp.broadcast_to(_cast(a, sums_in), whole))
        for a in (logsumexp, grad_logsumexp)
    )
    output = contiguous(modules, xp.broadcast_to(output, (*lead, *output.shape[-2:])))
    inner = xp.empty(whole, sums_in)
    suffix = "wide" if call.wide else "narrow"
    own = call.wide and is_wide(dtype.itemsize, [modules.address(output)], [sizes.values])
    run = partial(call.run, "attention_backward.cu")
    run(f"statistics_{'wide' if own else 'narrow'}", sizes.queries, 1, output, grad_total, inner)
    columns = max(sizes.features, sizes.values)
    run(f"by_key_{suffix}", sizes.keys, columns, total, inner, by_key, by_value)
    run(f"by_query_{suffix}", sizes.queries, sizes.features, total, inner, by_query, by_scores)
    if by_scores is None:
        by_scores = xp.zeros((), dtype)  # a mask that is not there has no gradient
    return by_query, by_key, by_value, by_scores


def kernels(modules: Modules) -> dict[str, Kernel]:
    """Kernel by op name."""
    return {
        "flash_attention": partial(_forward, modules),
        "flash_attention_backward": partial(_backward, modules),
    }
