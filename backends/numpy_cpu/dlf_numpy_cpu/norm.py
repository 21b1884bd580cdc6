"""Layer normalization and its gradient; the formulas stand beside the op in `dlf.ops.norm`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dlf_numpy_cpu.lowprec import through_float32
from dlf_numpy_cpu.quiet import quiet
from dlf_numpy_cpu.reduce import column_sums, row_sums

__all__ = ["kernels"]

Array = npt.NDArray[Any]

_CHUNK = 1 << 16


def layer_norm(
    x: Array, weight: Array | None, bias: Array | None, normalized_ndim: int, eps: float
) -> tuple[Array, Array, Array]:
    """Result, mean and 1 / standard deviation; the statistics keep the reduced dims as 1."""
    split = x.ndim - normalized_ndim
    rows, columns = math.prod(x.shape[:split]), math.prod(x.shape[split:])
    stats = (*x.shape[:split], *[1] * normalized_ndim)
    matrix = np.ascontiguousarray(x).reshape(rows, columns)
    out = np.empty((rows, columns), x.dtype)
    mean, rstd = np.empty((rows, 1), x.dtype), np.empty((rows, 1), x.dtype)
    step = max(1, _CHUNK // max(columns, 1))
    for start in range(0, rows, step):
        part = slice(start, start + step)
        piece = out[part]
        centre = row_sums(matrix[part])[:, None] / columns
        np.subtract(matrix[part], centre, out=piece)
        scale = 1 / np.sqrt(np.einsum("ij,ij->i", piece, piece)[:, None] / columns + eps)
        mean[part], rstd[part] = centre, scale
        piece *= rstd[part]
        if weight is not None:
            piece *= weight.reshape(-1)
        if bias is not None:
            piece += bias.reshape(-1)
    return out.reshape(x.shape), mean.reshape(stats), rstd.reshape(stats)


def layer_norm_backward(
    grad: Array, x: Array, mean: Array, rstd: Array, weight: Array | None, normalized_ndim: int
) -> tuple[Array, Array, Array]:
    """Gradients by input, weight and bias."""
    split = x.ndim - normalized_ndim
    rows, columns = math.prod(x.shape[:split]), math.prod(x.shape[split:])
    shape = x.shape[split:]
    g = np.ascontiguousarray(grad).reshape(rows, columns)
    scale = rstd.reshape(rows, 1)
    normal = (x.reshape(rows, columns) - mean.reshape(rows, 1)) * scale
    product = g * normal
    by_weight, by_bias = column_sums(product), column_sums(g)
    spread = g
    if weight is not None:
        spread = g * weight.reshape(-1)
        np.multiply(spread, normal, out=product)
    normal *= row_sums(product)[:, None] / -columns
    normal -= row_sums(spread)[:, None] / columns
    normal += spread
    normal *= scale
    return normal.reshape(x.shape), by_weight.reshape(shape), by_bias.reshape(shape)


def kernels() -> dict[str, Callable[..., Any]]:
    """Kernel by name."""
    return {k.__name__: through_float32(quiet(k)) for k in (layer_norm, layer_norm_backward)}
