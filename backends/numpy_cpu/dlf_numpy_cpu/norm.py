"""Layer normalization and its gradient; the formulas stand beside the op in `dlf.ops.norm`.

Both walk over a few rows at a time, which stay in the processor's second-level cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dlf_numpy_cpu.lowprec import through_float32
from dlf_numpy_cpu.parallel import over
from dlf_numpy_cpu.quiet import quiet

__all__ = ["kernels"]

Array = npt.NDArray[Any]

_CHUNK = 1 << 16  # Elements of a piece.


def layer_norm(
    x: Array, weight: Array | None, bias: Array | None, normalized_ndim: int, eps: float
) -> tuple[Array, Array, Array]:
    """Result, mean and 1 / standard deviation; the statistics keep the reduced dims as 1."""
    split = x.ndim - normalized_ndim
    rows, columns = math.prod(x.shape[:split]), math.prod(x.shape[split:])
    stats = (*x.shape[:split], *[1] * normalized_ndim)
    matrix = x.reshape(rows, columns)
    out = np.empty((rows, columns), x.dtype)
    mean, rstd = np.empty((rows, 1), x.dtype), np.empty((rows, 1), x.dtype)
    scale = None if weight is None else weight.reshape(-1)
    shift = None if bias is None else bias.reshape(-1)
    ones = np.ones(columns, x.dtype)

    def work(part: slice) -> None:
        given, piece, centre, inverse = matrix[part], out[part], mean[part], rstd[part]
        np.vecdot(given, ones, out=centre[:, 0])
        centre /= columns
        np.subtract(given, centre, out=piece)
        np.vecdot(piece, piece, out=inverse[:, 0])
        inverse /= columns
        inverse += eps
        np.sqrt(inverse, out=inverse)
        np.reciprocal(inverse, out=inverse)
        piece *= inverse
        if scale is not None:
            piece *= scale
        if shift is not None:
            piece += shift

    over(rows, max(1, _CHUNK // max(columns, 1)), work, x.size)
    return out.reshape(x.shape), mean.reshape(stats), rstd.reshape(stats)


def layer_norm_backward(
    grad: Array, x: Array, mean: Array, rstd: Array, weight: Array | None, normalized_ndim: int
) -> tuple[Array, Array, Array]:
    """Gradients by input, weight and bias."""
    split = x.ndim - normalized_ndim
    rows, columns = math.prod(x.shape[:split]), math.prod(x.shape[split:])
    shape = x.shape[split:]
    step = max(1, _CHUNK // max(columns, 1))
    slopes, matrix = grad.reshape(rows, columns), x.reshape(rows, columns)
    centres, inverses = mean.reshape(rows, 1), rstd.reshape(rows, 1)
    scale = np.ones(columns, x.dtype) if weight is None else weight.reshape(-1)
    out = np.empty((rows, columns), x.dtype)
    # Each piece leaves its sums in a row of its own: threads share no memory they write.
    sums = np.zeros((2, max(1, -(-rows // step)), columns), x.dtype)

    def work(part: slice) -> None:
        at = part.start // step
        piece, inverse = out[part], inverses[part]
        g = np.ascontiguousarray(slopes[part])
        np.subtract(matrix[part], centres[part], out=piece)
        piece *= inverse
        product = g * piece
        # Not by BLAS, which would start threads of its own for a product with ones.
        np.add.reduce(product, 0, out=sums[0, at])
        np.add.reduce(g, 0, out=sums[1, at])
        # rstd * (e - mean(e) - h * mean(e * h)), where e = g * weight.
        along = np.vecdot(product, scale)[:, None]
        along /= -columns
        level = np.vecdot(g, scale)[:, None]
        level /= columns
        piece *= along
        piece -= level
        np.multiply(g, scale, out=product)
        piece += product
        piece *= inverse

    over(rows, step, work, x.size)
    by_weight, by_bias = np.add.reduce(sums, 1)
    return out.reshape(x.shape), by_weight.reshape(shape), by_bias.reshape(shape)


def kernels() -> dict[str, Callable[..., Any]]:
    """Kernel by name."""
    return {k.__name__: through_float32(quiet(k)) for k in (layer_norm, layer_norm_backward)}
