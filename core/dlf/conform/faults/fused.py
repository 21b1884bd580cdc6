"""Faults of fused kernels: activations, normalization, losses, and what draws on a table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .fault import Array, Fault
from .plants import altered, called, floating, hosted, nan

__all__ = ["FAULTS"]


def _in(a: Any, dtype: Any) -> Any:
    return None if a is None else a.astype(dtype)


def _no_shift(out: Array, a: Array, dim: int) -> Array:
    e = np.exp(a if a.dtype.itemsize > 2 else a.astype(np.float32))
    return np.where(nan(out), out, e / np.sum(e, axis=dim, keepdims=True))


def _log_of_softmax(out: Array, a: Array, dim: int) -> Array:
    if not a.size:
        return out
    wide = a if a.dtype.itemsize > 2 else a.astype(np.float32)
    e = np.exp(wide - np.max(wide, axis=dim, keepdims=True))
    return np.asarray(np.log(e / np.sum(e, axis=dim, keepdims=True))).astype(a.dtype)


def _statistics(x: Array, ndim: int) -> tuple[Any, Array, Array, int]:
    dims = tuple(range(x.ndim - ndim, x.ndim))
    wide = x.astype(np.float64)
    mean = wide.mean(dims, keepdims=True)
    count = math.prod(x.shape[d] for d in dims)
    return dims, wide - mean, ((wide - mean) ** 2).sum(dims, keepdims=True), count


def _layer(out: Any, x: Array, weight: Any, bias: Any, ndim: int, rstd: Array) -> Any:
    _, centred, _, _ = _statistics(x, ndim)
    y = centred * rstd
    y = y if weight is None else y * _in(weight, np.float64)
    return (y if bias is None else y + _in(bias, np.float64)), out[1], rstd


def _unbiased(out: Any, x: Array, weight: Any, bias: Any, ndim: int, eps: float) -> Any:
    _, _, squares, count = _statistics(x, ndim)
    rstd = 1 / np.sqrt(squares / max(count - 1, 1) + eps)
    return _layer(out, x, weight, bias, ndim, rstd)


def _eps_outside(out: Any, x: Array, weight: Any, bias: Any, ndim: int, eps: float) -> Any:
    _, _, squares, count = _statistics(x, ndim)
    rstd = 1 / (np.sqrt(squares / max(count, 1)) + eps)
    return _layer(out, x, weight, bias, ndim, rstd)


def _one_pass(out: Any, x: Array, weight: Any, bias: Any, ndim: int, eps: float) -> Any:
    if x.dtype != np.float32 or not x.size:
        return out
    dims = tuple(range(x.ndim - ndim, x.ndim))
    mean = x.mean(dims, keepdims=True)
    variance = (x * x).mean(dims, keepdims=True) - mean * mean
    return _layer(out, x, weight, bias, ndim, 1 / np.sqrt(np.maximum(variance, 0) + eps))


def _unbiased_variance(out: Any, x: Array, *rest: Any) -> Any:
    result, mean, variance = out
    count = x.size // max(x.shape[1], 1)
    return result, mean, variance * (count / max(count - 1, 1))


def _mask_product(out: Array, grad: Array, x: Array, threshold: float) -> Array:
    return grad * (x > threshold).astype(grad.dtype) if floating(out) else out


def _linear(out: Array, x: Array, weight: Array, bias: Any) -> Array:
    if weight.shape[0] != weight.shape[1]:
        return out
    y = np.matmul(x, weight)
    return y if bias is None else y + bias


def _shifted(
    out: Array, g: Array, indices: Array, rows: int, padding: int, by_count: bool
) -> Array:
    wrong = np.zeros((rows, g.shape[-1]), np.float64)
    wrong[indices.reshape(-1)] = g.reshape(-1, g.shape[-1])
    if padding >= 0:
        wrong[padding] = 0
    return out if by_count else wrong


FAULTS = (
    Fault(
        "softmax/no-maximum",
        "softmax",
        altered(_no_shift),
        "exp overflows without the maximum taken off",
    ),
    Fault(
        "softmax/last-dim",
        "softmax",
        called(lambda kernel, a, dim: kernel(a, len(a.shape) - 1 if len(a.shape) else dim)),
        "the last dim is normalized, whatever dim is asked for",
    ),
    Fault(
        "softmax_backward/no-sum",
        "softmax_backward",
        altered(lambda out, g, y, dim: g * y),
        "the part of the gradient through the sum is missing",
    ),
    Fault(
        "log_softmax/log-of-softmax",
        "log_softmax",
        altered(_log_of_softmax),
        "what underflows gives minus infinity",
    ),
    Fault(
        "gelu/always-tanh",
        "gelu",
        called(lambda kernel, a, approximate: kernel(a, "tanh")),
        "the approximation is used where it was not asked for",
    ),
    Fault(
        "gelu_backward/always-erf",
        "gelu_backward",
        called(lambda kernel, g, a, approximate: kernel(g, a, "none")),
        "the gradient is not that of the approximation",
    ),
    Fault(
        "silu/large",
        "silu",
        altered(lambda out, a: np.where(a < -25, np.nan, out)),
        "x * exp(x) / (1 + exp(x)) in another order gives NaN",
    ),
    Fault(
        "sigmoid_backward/of-input",
        "sigmoid_backward",
        altered(lambda out, g, y: g * (1 / (1 + np.exp(-y))) * (1 - 1 / (1 + np.exp(-y)))),
        "the output is taken for the input",
    ),
    Fault(
        "threshold_backward/at-threshold",
        "threshold_backward",
        altered(lambda out, g, x, threshold: np.where(x == threshold, g, out)),
        "the gradient passes at the threshold itself",
    ),
    Fault(
        "threshold_backward/nan",
        "threshold_backward",
        altered(_mask_product),
        "infinity times the mask's 0 is NaN",
    ),
    Fault(
        "layer_norm/unbiased", "layer_norm", altered(_unbiased), "the variance is divided by n - 1"
    ),
    Fault(
        "layer_norm/eps-outside",
        "layer_norm",
        altered(_eps_outside),
        "eps is added to the standard deviation",
    ),
    Fault(
        "layer_norm/one-pass",
        "layer_norm",
        altered(_one_pass),
        "E[x^2] - E[x]^2 cancels where the mean is large",
    ),
    Fault(
        "layer_norm/last-dim",
        "layer_norm",
        lambda kernel, hands: (
            lambda x, w, b, ndim, eps: (
                kernel(x, w, b, ndim, eps) if ndim == 1 else kernel(x, None, None, 1, eps)
            )
        ),
        "only the last dim is normalized",
    ),
    Fault(
        "layer_norm_backward/statistics-fixed",
        "layer_norm_backward",
        altered(
            lambda out, g, x, mean, rstd, weight, ndim: (
                g * rstd * (1 if weight is None else weight),
                out[1],
                out[2],
            )
        ),
        "mean and deviation are taken for constants",
    ),
    Fault(
        "rms_norm/centred",
        "rms_norm",
        lambda kernel, hands: (
            lambda x, *rest: kernel(
                hands.up(
                    (lambda h: (h - h.mean(-1, keepdims=True)).astype(h.dtype))(hands.down(x))
                ),
                *rest,
            )
        ),
        "the mean is taken off, as layer_norm does",
    ),
    Fault(
        "batch_norm/unbiased",
        "batch_norm",
        altered(_unbiased_variance),
        "the variance that is given is divided by n - 1",
    ),
    Fault(
        "linear/square-transposed", "linear", altered(_linear), "a square weight is used as it lies"
    ),
    Fault(
        "linear/no-bias",
        "linear",
        called(lambda kernel, x, weight, bias: kernel(x, weight, None)),
        "the bias is forgotten",
    ),
    Fault(
        "embedding_backward/padding",
        "embedding_backward",
        called(
            lambda kernel, g, indices, rows, padding, by_count: kernel(
                g, indices, rows, -1, by_count
            )
        ),
        "the row of padding_idx gets a gradient",
    ),
    Fault(
        "embedding_backward/duplicates",
        "embedding_backward",
        altered(_shifted),
        "of equal indices one is added",
    ),
    Fault(
        "masked_scale/no-scale",
        "masked_scale",
        called(lambda kernel, a, mask, scale: kernel(a, mask, 1.0)),
        "dropout does not scale what it keeps",
    ),
    Fault(
        "softplus/no-threshold",
        "softplus",
        hosted(lambda a, beta, threshold: (np.log(1 + np.exp(a * beta)) / beta).astype(a.dtype)),
        "log(1 + exp(x)) overflows for large x",
    ),
    Fault(
        "clamp/nan",
        "clamp",
        altered(lambda out, a, low, high: np.where(a != a, 0 if low is None else low, out)),
        "NaN is clamped to the lower bound",
    ),
)
