"""Faults of `full`, `arange`, `cast` and `copy`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .fault import Array, Fault
from .plants import altered, called, floating, hosted, integral

__all__ = ["FAULTS"]


def _rounds(out: Array, a: Array, dtype: Any) -> Array:
    return np.rint(a) if floating(a) and integral(out) else out


def _truncates_to_bool(out: Array, a: Array, dtype: Any) -> Array:
    return a.astype(np.int64) != 0 if floating(a) and out.dtype.kind == "b" else out


def _saturates(out: Array, a: Array, dtype: Any) -> Array:
    if not (integral(a) and integral(out)):
        return out
    limits = np.iinfo(out.dtype)
    return np.clip(
        a, max(limits.min, np.iinfo(a.dtype).min), min(limits.max, np.iinfo(a.dtype).max)
    )


def _cuts_bits(out: Array, a: Array, dtype: Any) -> Array:
    if out.dtype.name != "bfloat16" or a.dtype.kind != "f":
        return out
    exact = np.asarray(a, np.float32)
    return (exact.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def _finite(out: Array, a: Array, dtype: Any) -> Array:
    if out.dtype != np.float16 or not floating(a):
        return out
    return np.where(np.isinf(out) & np.isfinite(a), np.sign(a.astype(np.float32)) * 65504, out)


def _through_float32(out: Array, a: Array, dtype: Any) -> Array:
    return a.astype(np.float32) if a.dtype == np.int64 and out.dtype == np.float64 else out


def _accumulates(out: Array, start: Any, step: Any, length: int, dtype: Any, index: int) -> Array:
    if not floating(out):
        return out
    steps = np.full(length, step, dtype.numpy)
    if length:
        steps[0] = start
    return np.add.accumulate(steps, dtype=dtype.numpy)


def _inclusive(start: Any, step: Any, length: int, dtype: Any, index: int) -> Array:
    return (start + step * np.arange(length + 1)).astype(dtype.numpy)


def _float_value(out: Array, shape: Any, value: Any, dtype: Any, index: int) -> Array:
    return np.full(shape, float(value)) if dtype.name == "int64" and isinstance(value, int) else out


FAULTS = (
    Fault(
        "full/minus-zero",
        "full",
        altered(lambda out, *args: out + out.dtype.type(0) if floating(out) else out),
        "memory is cleared where the value equals 0, and -0.0 does",
    ),
    Fault("full/int64-in-float64", "full", altered(_float_value), "a large integer loses bits"),
    Fault(
        "full/first-device",
        "full",
        called(lambda kernel, shape, value, dtype, index: kernel(shape, value, dtype, 0)),
        "arrays are made on device 0, whatever device is asked for",
        needs="devices",
    ),
    Fault(
        "full/zero-dimensions",
        "full",
        called(lambda kernel, shape, *rest: kernel(shape or (1,), *rest)),
        "the shape () becomes (1,)",
    ),
    Fault(
        "arange/accumulates",
        "arange",
        altered(_accumulates),
        "steps are added up, and so are their errors",
    ),
    Fault("arange/end-included", "arange", hosted(_inclusive), "one element too many"),
    Fault("cast/rounds", "cast", altered(_rounds), "a cast to an integer rounds; C's truncates"),
    Fault("cast/bool-truncates", "cast", altered(_truncates_to_bool), "0.5 is cast to False"),
    Fault(
        "cast/saturates",
        "cast",
        altered(_saturates),
        "integers that do not fit are clipped; they wrap",
    ),
    Fault(
        "cast/bfloat16-truncates",
        "cast",
        altered(_cuts_bits),
        "lower bits are cut off instead of rounded",
    ),
    Fault(
        "cast/float16-finite", "cast", altered(_finite), "what overflows becomes the largest number"
    ),
    Fault(
        "cast/int64-in-float32",
        "cast",
        altered(_through_float32),
        "integers go to float64 by float32",
    ),
    Fault("copy/aliases", "copy", called(lambda kernel, a: a), "the input itself is returned"),
    Fault(
        "cast/same-dtype-aliases",
        "cast",
        lambda kernel, hands: (
            lambda a, dtype: a if hands.down(a).dtype == dtype.numpy else kernel(a, dtype)
        ),
        "a cast to the dtype that it has returns the input itself",
        groups=("system",),
    ),
)
