"""Optimizer updates over NumPy, in place and in pieces that stay in the processor's second-level
cache.

A pass over a large array is bound by memory; an update needs a dozen passes. Each parameter is
therefore walked in chunks, and all passes over a chunk are made before the next is read. float16
and bfloat16 are computed in float32 and rounded once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import local
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dlf_numpy_cpu.parallel import over

__all__ = ["KERNELS"]

Array = npt.NDArray[Any]
Arrays = Sequence[Array]

# What one pass writes stays in a second-level cache for the next, and NumPy's cost of a call (0.2
# microseconds) is small beside the work.
_CHUNK_BYTES = 256 * 1024


class _Scratch(local):
    """Two working arrays a thread and dtype, made once."""

    def __init__(self) -> None:
        self.of: dict[np.dtype[Any], tuple[Array, Array]] = {}

    def get(self, dtype: np.dtype[Any]) -> tuple[Array, Array]:
        found = self.of.get(dtype)
        if found is None:
            n = _CHUNK_BYTES // dtype.itemsize
            found = self.of[dtype] = (np.empty(n, dtype), np.empty(n, dtype))
        return found


_scratch = _Scratch()
Order = Literal["C", "F"]


def _quiet() -> np.errstate:
    return np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")


def _numbers(params: Arrays, *values: float) -> list[Array]:
    """`values` as 0-d arrays of the working dtype: NumPy takes those in half the time of Python
    floats."""
    dtype = _work(params[0].dtype)
    return [np.array(v, dtype) for v in values]


def _work(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float32) if dtype.itemsize == 2 else dtype


def _walk(written: Sequence[Arrays | None], grads: Arrays, update: Callable[..., None]) -> None:
    """Call `update` on the chunks of each parameter and of what goes with it.

    It gets a chunk of the parameter, the gradient, each further one of `written` (None where there
    is none), which starts with the parameters, and two scratch arrays.
    """
    chunks: list[tuple[list[Array | None], Array, slice]] = []
    back: list[tuple[Array, Array, Order]] = []
    elements = 0
    for i, grad in enumerate(grads):
        group = [None if arrays is None else arrays[i] for arrays in written]
        param = group[0]
        assert param is not None
        order: Order = "F" if param.flags.f_contiguous and not param.flags.c_contiguous else "C"
        flat = [None if a is None else a.ravel(order) for a in group]
        slopes = grad.ravel(order)
        size = _CHUNK_BYTES // _work(param.dtype).itemsize
        chunks += [(flat, slopes, slice(at, at + size)) for at in range(0, grad.size, size)]
        elements += grad.size
        for a, f in zip(group, flat, strict=True):
            if a is not None and f is not None and not np.may_share_memory(a, f):
                back.append((a, f, order))

    def work(part: slice) -> None:
        for chunk in chunks[part]:
            _update(*chunk, update)

    with _quiet():
        over(len(chunks), 1, work, elements)
    for a, f, order in back:
        a[...] = f.reshape(a.shape, order=order)


def _update(
    flat: Sequence[Array | None], grad: Array, part: slice, update: Callable[..., None]
) -> None:
    first, *others = [None if f is None else f[part] for f in flat]
    g = grad[part]
    work = _work(grad.dtype)
    s, t = _scratch.get(work)
    if work is grad.dtype:
        update(first, g, *others, s[: len(g)], t[: len(g)])
        return
    wide = [None if c is None else c.astype(work) for c in (first, *others)]
    update(wide[0], g.astype(work), *wide[1:], s[: len(g)], t[: len(g)])
    for c, w in zip((first, *others), wide, strict=True):
        if c is not None:
            c[...] = w


def _gradient(p: Array, g: Array, t: Array, weight_decay: float, maximize: bool) -> Array:
    """The gradient to descend along: `g` itself, or `t` filled."""
    if maximize:
        g = np.negative(g, t)
    if weight_decay:
        # g + p * weight_decay needs a second scratch only if g already lies in t.
        g = g + p * weight_decay if g is t else np.add(np.multiply(p, weight_decay, t), g, t)
    return g


def sgd_step(
    params: Arrays,
    grads: Arrays,
    bufs: Arrays | None,
    first: bool,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    """See `dlf.ops.step.sgd_step`."""
    rate, keep, fresh = _numbers(params, lr, momentum, 1 - dampening)

    def update(p: Any, g: Any, b: Any, s: Any, t: Any) -> None:
        d = _gradient(p, g, t, weight_decay, maximize)
        if b is not None:
            if first:
                np.copyto(b, d)
            else:
                np.multiply(b, keep, b)
                np.add(b, np.multiply(d, fresh, s) if dampening else d, b)
            d = np.add(d, np.multiply(b, keep, s), s) if nesterov else b
        np.subtract(p, np.multiply(d, rate, s), p)

    _walk((params, bufs), grads, update)


def adam_step(
    params: Arrays,
    grads: Arrays,
    exp_avgs: Arrays,
    exp_avg_sqs: Arrays,
    max_exp_avg_sqs: Arrays | None,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    """See `dlf.ops.step.adam_step`; both bias corrections are folded into the step size and into
    eps."""
    scale = (1 - beta2**step) ** 0.5
    shrink = 1 - lr * weight_decay if decoupled else 1.0
    penalty = 0.0 if decoupled else weight_decay
    keep1, fresh1, keep2, fresh2, size, small, shrinking = _numbers(
        params,
        beta1,
        1 - beta1,
        beta2,
        1 - beta2,
        lr * scale / (1 - beta1**step),
        eps * scale,
        shrink,
    )

    def update(p: Any, g: Any, m: Any, v: Any, top: Any, s: Any, t: Any) -> None:
        d = _gradient(p, g, t, penalty, maximize)
        if shrink != 1.0:
            np.multiply(p, shrinking, p)
        np.multiply(m, keep1, m)
        np.multiply(d, fresh1, s)
        np.add(m, s, m)
        np.multiply(d, d, s)
        np.multiply(s, fresh2, s)
        np.multiply(v, keep2, v)
        np.add(v, s, v)
        if top is not None:
            np.maximum(top, v, out=top)
        np.sqrt(v if top is None else top, s)
        np.add(s, small, s)
        np.divide(m, s, s)
        np.multiply(s, size, s)
        np.subtract(p, s, p)

    _walk((params, exp_avgs, exp_avg_sqs, max_exp_avg_sqs), grads, update)


def rmsprop_step(
    params: Arrays,
    grads: Arrays,
    square_avgs: Arrays,
    grad_avgs: Arrays | None,
    bufs: Arrays | None,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    maximize: bool,
) -> None:
    """See `dlf.ops.step.rmsprop_step`."""
    rate, keep, fresh, small, decay = _numbers(params, lr, alpha, 1 - alpha, eps, momentum)

    def update(p: Any, g: Any, v: Any, mean: Any, b: Any, s: Any, t: Any) -> None:
        d = _gradient(p, g, t, weight_decay, maximize)
        np.multiply(d, d, s)
        np.multiply(s, fresh, s)
        np.multiply(v, keep, v)
        np.add(v, s, v)
        if mean is None:
            np.sqrt(v, s)
        else:
            np.subtract(d, mean, s)
            np.multiply(s, fresh, s)
            np.add(mean, s, mean)
            np.multiply(mean, mean, s)
            np.subtract(v, s, s)
            np.sqrt(s, s)
        np.add(s, small, s)
        np.divide(d, s, s)
        if b is not None:
            np.multiply(b, decay, b)
            np.add(b, s, b)
            np.multiply(b, rate, s)
        else:
            np.multiply(s, rate, s)
        np.subtract(p, s, p)

    _walk((params, square_avgs, grad_avgs, bufs), grads, update)


def adagrad_step(
    params: Arrays,
    grads: Arrays,
    sums: Arrays,
    lr: float,
    weight_decay: float,
    eps: float,
    maximize: bool,
) -> None:
    """See `dlf.ops.step.adagrad_step`."""
    rate, small = _numbers(params, lr, eps)

    def update(p: Any, g: Any, total: Any, s: Any, t: Any) -> None:
        d = _gradient(p, g, t, weight_decay, maximize)
        np.multiply(d, d, s)
        np.add(total, s, total)
        np.sqrt(total, s)
        np.add(s, small, s)
        np.divide(d, s, s)
        np.multiply(s, rate, s)
        np.subtract(p, s, p)

    _walk((params, sums), grads, update)


KERNELS: dict[str, Callable[..., None]] = {
    k.__name__: k for k in (sgd_step, adam_step, rmsprop_step, adagrad_step)
}
