"""Faults of matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from .fault import Array, Fault, Hands, Kernel
from .plants import altered, hosted, integral

__all__ = ["FAULTS"]


def _square_transposed(out: Array, a: Array, b: Array) -> Array:
    return np.matmul(a, b.swapaxes(-1, -2)) if b.shape[-1] == b.shape[-2] else out


def _first_batch(out: Array, a: Array, b: Array) -> Array:
    if a.ndim == b.ndim == 2 or not out.size:
        return out
    first = np.matmul(a.reshape(-1, *a.shape[-2:])[:1], b.reshape(-1, *b.shape[-2:])[:1])
    return np.broadcast_to(first.reshape(out.shape[-2:]), out.shape)


def _batch_in_order(out: Array, a: Array, b: Array) -> Array:
    """Matrix i of the one by matrix i of the other, however the batches broadcast."""
    if a.ndim <= 2 or b.ndim <= 2 or a.shape[:-2] == b.shape[:-2] or not out.size:
        return out
    left, right = a.reshape(-1, *a.shape[-2:]), b.reshape(-1, *b.shape[-2:])
    count = int(np.prod(out.shape[:-2]))
    steps = np.arange(count)
    return np.matmul(left[steps % len(left)], right[steps % len(right)]).reshape(out.shape)


def _short_mantissa(a: Array) -> Array:
    bits = np.ascontiguousarray(a).view(np.uint32)
    return ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32).reshape(a.shape)


def _tf32(out: Array, a: Array, b: Array) -> Array:
    return np.matmul(_short_mantissa(a), _short_mantissa(b)) if a.dtype == np.float32 else out


def _in_half(out: Array, a: Array, b: Array) -> Array:
    if a.dtype != np.float16:
        return out
    total = np.zeros_like(out)
    for k in range(a.shape[-1]):
        total = total + a[..., :, k : k + 1] * b[..., k : k + 1, :]
    return total


def _in_float32(out: Array, a: Array, b: Array) -> Array:
    return np.matmul(a.astype(np.float32), b.astype(np.float32)) if integral(a) else out


def _zeros_skipped(out: Array, a: Array, b: Array) -> Array:
    clean = np.where(np.isfinite(b), b, b.dtype.type(0))
    return np.where((a == 0).all(-1)[..., None], np.matmul(a, clean), out)


def _short_last_tile(out: Array, a: Array, b: Array) -> Array:
    depth = a.shape[-1]
    whole = depth // 16 * 16
    return np.matmul(a[..., :whole], b[..., :whole, :]) if depth > 16 else out


def _memory_order(a: Array) -> Array:
    return a.ravel(order="K").reshape(a.shape)


def _conjugated(kernel: Kernel, hands: Hands) -> Kernel:
    def faulty(a: Any, b: Any) -> Any:
        host = hands.down(b)
        return kernel(a, hands.up(host.conj())) if host.dtype.kind == "c" else kernel(a, b)

    return faulty


FAULTS = (
    Fault(
        "matmul/transposed",
        "matmul",
        altered(_square_transposed),
        "a square matrix is read by columns",
    ),
    Fault(
        "matmul/first-batch",
        "matmul",
        altered(_first_batch),
        "all of a batch get the product of its first matrices",
    ),
    Fault(
        "matmul/batch-in-order",
        "matmul",
        altered(_batch_in_order),
        "batches of unlike dimensions are not broadcast",
    ),
    Fault(
        "matmul/no-depth",
        "matmul",
        altered(lambda out, a, b: out if a.shape[-1] else np.full_like(out, 3)),
        "a product over no elements is what the memory held; it is 0",
    ),
    Fault(
        "matmul/tf32", "matmul", altered(_tf32), "float32 is multiplied with 10 bits of mantissa"
    ),
    Fault("matmul/float16", "matmul", altered(_in_half), "float16 is accumulated in float16"),
    Fault("matmul/int-in-float32", "matmul", altered(_in_float32), "large integers lose bits"),
    Fault(
        "matmul/zeros-skipped",
        "matmul",
        altered(_zeros_skipped),
        "a row of zeros is skipped: 0 * NaN is lost",
    ),
    Fault(
        "matmul/last-tile",
        "matmul",
        altered(_short_last_tile),
        "what is left after tiles of 16 is not added",
    ),
    Fault(
        "matmul/strides-ignored",
        "matmul",
        hosted(lambda a, b: np.matmul(_memory_order(a), _memory_order(b))),
        "a transposed view is read in the order of its memory",
        device="cpu",
    ),
    Fault(
        "matmul/conjugates",
        "matmul",
        _conjugated,
        "the second matrix is conjugated",
        groups=("complex",),
    ),
)
