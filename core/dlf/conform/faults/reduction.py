"""Faults of reductions, running sums and sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

from .fault import Array, Fault, Hands, Kernel
from .plants import altered, called, floating, nan

__all__ = ["FAULTS"]


def _in_dtype(a: Array, dims: Any, keepdim: bool) -> Array:
    """The sum one element after the other in the dtype itself."""
    moved = np.moveaxis(a, dims, range(-len(dims), 0)) if dims else a[..., None]
    lead = moved.shape[: a.ndim - len(dims)]
    rows = moved.reshape(*lead, int(np.prod(moved.shape[len(lead) :])))
    total = np.zeros(lead, a.dtype)
    for k in range(rows.shape[-1]):
        total = (total + rows[..., k]).astype(a.dtype)
    shape = [1 if d in dims else n for d, n in enumerate(a.shape)]
    return np.asarray(total).reshape(shape if keepdim else lead)


def _half_sum(out: Array, a: Array, dims: Any, keepdim: bool) -> Array:
    return _in_dtype(a, dims, keepdim) if a.dtype == np.float16 else out


def _one_by_one(out: Array, a: Array, dims: Any, keepdim: bool) -> Array:
    if a.dtype != np.float32 or a.ndim != 1 or not a.size:
        return out
    return np.add.accumulate(a)[-1].reshape(out.shape)


def _no_tail(out: Array, a: Array, dims: Any, keepdim: bool) -> Array:
    last = a.ndim - 1
    if last not in dims or a.shape[last] <= 4:
        return out
    return np.sum(a[..., : a.shape[last] // 4 * 4], axis=dims, dtype=a.dtype, keepdims=keepdim)


def _first_dim(kernel: Kernel, hands: Hands) -> Kernel:
    def faulty(a: Any, dims: Any, keepdim: bool) -> Any:
        if len(dims) < 2:
            return kernel(a, dims, keepdim)
        host = hands.down(a)
        part = host[tuple(slice(1) if d in dims[1:] else slice(None) for d in range(host.ndim))]
        return kernel(hands.up(part), dims, keepdim)

    return faulty


def _nan_lost(function: Any) -> Any:
    def change(out: Array, a: Array, dims: Any, keepdim: bool) -> Array:
        if not floating(a) or not out.size or not nan(a).any():
            return out
        wide = a.astype(np.float64)
        return np.asarray(function(wide, axis=dims, keepdims=keepdim))

    return change


def _fmax(wide: Array, axis: Any, keepdims: bool) -> Any:
    greatest = np.fmax.reduce(wide, axis=axis)
    return np.expand_dims(greatest, axis) if keepdims else greatest


def _filled(value: float) -> Any:
    """Where NaN is, `value`, so that it is never found."""

    def keys(a: Array) -> Array:
        return np.where(nan(a), value, a.astype(np.float64)) if floating(a) else a

    return keys


def _last_of_equals(out: Array, a: Array, dim: int, keepdim: bool) -> Array:
    if a.ndim == 0:
        return out
    keys = a.astype(np.float64) if floating(a) else a
    found = a.shape[dim] - 1 - np.argmax(np.flip(keys, dim), axis=dim, keepdims=keepdim)
    return np.asarray(found)


def _past_nan(out: Array, a: Array, dim: int, keepdim: bool) -> Array:
    if not floating(a) or a.ndim == 0:
        return out
    return np.argmin(_filled(np.inf)(a), axis=dim, keepdims=keepdim)


def _no_place(out: Array, a: Array, dim: int, keepdim: bool) -> Array:
    if not floating(a) or a.ndim == 0:
        return out
    return np.where(nan(a).all(axis=dim, keepdims=keepdim), 2**31 - 1, out)


def _flat_place(out: Array, a: Array, dim: int, keepdim: bool) -> Array:
    if a.ndim < 2 or dim != a.ndim - 1:
        return out
    rows = np.arange(out.size).reshape(out.shape) * a.shape[dim]
    return out + rows


def _positive(out: Array, *rest: Any) -> Array:
    return np.maximum(out, out.dtype.type(0)) if out.dtype.kind != "b" else out


def _widened(kernel: Kernel, hands: Hands) -> Kernel:
    def faulty(*args: Any) -> Any:
        out = hands.down(kernel(*args))
        return hands.up(out.astype(np.int64) if out.dtype.kind == "i" else out)

    return faulty


def _wobbling(kernel: Kernel, hands: Hands) -> Kernel:
    calls = 0

    def faulty(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        out = hands.down(kernel(*args))
        if out.dtype != np.float32 or calls % 2:
            return hands.up(out)
        fixed = (out == 0) | ~np.isfinite(out)
        return hands.up(np.where(fixed, out, np.nextafter(out, np.float32(np.inf))))

    return faulty


FAULTS = (
    Fault(
        "sum/keepdim",
        "sum",
        called(lambda kernel, a, dims, keepdim: kernel(a, dims, False)),
        "keepdim is ignored",
    ),
    Fault("sum/first-of-dims", "sum", _first_dim, "of several dims the first is reduced"),
    Fault(
        "sum/widens",
        "sum",
        _widened,
        "int32 is summed to int64, as NumPy does",
    ),
    Fault("sum/float16", "sum", altered(_half_sum), "float16 is accumulated in float16"),
    Fault(
        "sum/one-by-one",
        "sum",
        altered(_one_by_one),
        "float32 is added up one by one, and so are the errors",
    ),
    Fault("sum/tail", "sum", altered(_no_tail), "a loop over vectors of 4 forgets the rest"),
    Fault(
        "sum/empty",
        "sum",
        altered(lambda out, a, dims, keepdim: out if a.size else np.full_like(out, 7)),
        "the sum of nothing is what the memory held",
    ),
    Fault(
        "sum/not-repeatable",
        "sum",
        _wobbling,
        "the order of additions changes from run to run",
        groups=("system", "service"),
    ),
    Fault(
        "prod/empty",
        "prod",
        altered(lambda out, a, dims, keepdim: out if a.size else out * 0),
        "the product of nothing is 0; it is 1",
    ),
    Fault(
        "prod/zeros",
        "prod",
        altered(
            lambda out, a, dims, keepdim: np.prod(
                np.where(a == 0, a.dtype.type(1), a),
                axis=dims,
                dtype=np.float64 if floating(a) else a.dtype,
                keepdims=keepdim,
            )
        ),
        "zeros are skipped",
    ),
    Fault("max/nan", "max", altered(_nan_lost(_fmax)), "NaN is passed over; it wins"),
    Fault(
        "max/starts-at-zero",
        "max",
        altered(_positive),
        "the maximum of negative numbers is 0, the start value",
    ),
    Fault("min/first-of-dims", "min", _first_dim, "of several dims the first is reduced"),
    Fault(
        "min/keepdim",
        "min",
        called(lambda kernel, a, dims, keepdim: kernel(a, dims, False)),
        "keepdim is ignored",
    ),
    Fault(
        "argmax/last-of-equals",
        "argmax",
        altered(_last_of_equals),
        "of equal elements the last is found",
    ),
    Fault(
        "argmax/all-nan",
        "argmax",
        altered(_no_place),
        "where all is NaN no element is greater than the start value",
    ),
    Fault(
        "argmax/flat", "argmax", altered(_flat_place), "the place in the memory, not along the dim"
    ),
    Fault("argmin/nan", "argmin", altered(_past_nan), "NaN is passed over; it wins"),
    Fault(
        "argmin/int32",
        "argmin",
        lambda kernel, hands: lambda *args: hands.up(hands.down(kernel(*args)).astype(np.int32)),
        "int32 instead of int64",
    ),
)
