"""All steps of an LSTM in one kernel, and its gradient; the formulas stand in `dlf.ops.recurrent`.

A step is a product with the recurrent weights and some passes over arrays of one step, which stay
in the cache. All four gates are walked at once: ``sigmoid(x) = (1 + tanh(x / 2)) / 2``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dlf_numpy_cpu.lowprec import through_float32
from dlf_numpy_cpu.quiet import quiet

__all__ = ["kernels"]

Array = npt.NDArray[Any]


def _each_gate(shape: tuple[int, int], values: tuple[float, ...], dtype: Any) -> Array:
    """An array of one step's gates with a value a gate: NumPy is slower over rows."""
    return np.repeat(np.array(values, dtype), shape[1]).reshape(1, -1).repeat(shape[0], 0)


def _order(steps: int, reverse: bool) -> range:
    return range(steps - 1, -1, -1) if reverse else range(steps)


def _split(gates: Array) -> list[Array]:
    size = gates.shape[1] // 4
    return [gates[:, at : at + size] for at in range(0, 4 * size, size)]


def lstm_sequence(
    sums: Array, hidden: Array, cell: Array, weight: Array, reverse: bool
) -> tuple[Array, Array, Array]:
    """Hidden states, cell states and gates of every step."""
    steps, size, lead = len(sums), weight.shape[1], hidden.shape[:-1]
    shape = (math.prod(lead), size)
    given = sums.reshape(steps, shape[0], 4 * size)
    states, cells = np.empty((steps, *shape), sums.dtype), np.empty((steps, *shape), sums.dtype)
    gates = np.empty(given.shape, sums.dtype)
    h, c = hidden.reshape(shape), cell.reshape(shape)
    scale = _each_gate(shape, (0.5, 0.5, 1.0, 0.5), sums.dtype)
    shift = _each_gate(shape, (0.5, 0.5, 0.0, 0.5), sums.dtype)
    part = np.empty(shape, sums.dtype)
    turned = np.ascontiguousarray(weight.T)
    for t in _order(steps, reverse):
        now = gates[t]
        np.matmul(h, turned, out=now)
        now += given[t]
        now *= scale
        np.tanh(now, out=now)
        now *= scale
        now += shift
        i, f, n, o = _split(now)
        np.multiply(i, n, out=part)
        c, h = np.multiply(f, c, out=cells[t]), states[t]
        c += part
        np.tanh(c, out=part)
        np.multiply(o, part, out=h)
    return (
        states.reshape(steps, *lead, size),
        cells.reshape(steps, *lead, size),
        gates.reshape(sums.shape),
    )


def lstm_sequence_backward(
    grad_out: Array | None,
    grad_cells: Array | None,
    grad_gates: Array | None,
    gates: Array,
    cells: Array,
    cell: Array,
    weight: Array,
    reverse: bool,
) -> tuple[Array, Array, Array]:
    """Gradients by `sums`, `hidden` and `cell`."""
    steps, size = len(gates), weight.shape[1]
    shape = (math.prod(cell.shape[:-1]), size)
    after = cells.reshape(steps, *shape)
    values = gates.reshape(steps, shape[0], 4 * size)
    by_sums = np.empty(values.shape, gates.dtype)
    by_hidden, by_cell = np.zeros(shape, gates.dtype), np.zeros(shape, gates.dtype)
    squashed, part = np.empty(shape, gates.dtype), np.empty(shape, gates.dtype)
    # A gate's slope is level + a * (line - a): a * (1 - a), and 1 - a * a for the new cell.
    line = _each_gate(shape, (1.0, 1.0, 0.0, 1.0), gates.dtype)
    level = _each_gate(shape, (0.0, 0.0, 1.0, 0.0), gates.dtype)
    slopes = np.empty_like(line)
    order = _order(steps, reverse)
    for at in reversed(range(steps)):
        t = order[at]
        now, by_now = values[t], by_sums[t]
        i, f, n, o = _split(now)
        np.tanh(after[t], out=squashed)
        if grad_out is not None:
            by_hidden += grad_out[t].reshape(shape)
        if grad_cells is not None:
            by_cell += grad_cells[t].reshape(shape)
        np.multiply(squashed, squashed, out=part)
        np.subtract(1, part, out=part)
        part *= o
        part *= by_hidden
        by_cell += part
        by_i, by_f, by_n, by_o = _split(by_now)
        np.multiply(by_cell, n, out=by_i)
        np.multiply(by_cell, after[order[at - 1]] if at else cell.reshape(shape), out=by_f)
        np.multiply(by_cell, i, out=by_n)
        np.multiply(by_hidden, squashed, out=by_o)
        if grad_gates is not None:
            by_now += grad_gates[t].reshape(by_now.shape)
        np.subtract(line, now, out=slopes)
        slopes *= now
        slopes += level
        by_now *= slopes
        np.matmul(by_now, weight, out=by_hidden)
        by_cell *= f
    return by_sums.reshape(gates.shape), by_hidden.reshape(cell.shape), by_cell.reshape(cell.shape)


def _any_first(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """`through_float32`, which looks at the first argument, where that one may be None."""
    turned = through_float32(lambda gates, *rest: kernel(*rest[:3], gates, *rest[3:]))

    def wide(*args: Any) -> Any:
        return turned(args[3], *args[:3], *args[4:])

    return wide


def kernels() -> dict[str, Callable[..., Any]]:
    """Kernel by name."""
    return {
        "lstm_sequence": through_float32(quiet(lstm_sequence)),
        "lstm_sequence_backward": _any_first(quiet(lstm_sequence_backward)),
    }
