"""Batch normalization and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dlf_cupy_gpu.kernels import norm_batch
from tests.cuda.compare import DTYPES, IDS, assert_close, draw
from tests.cuda.host import modules

# Planes wide and odd, one long plane, few neighbours, none beside (N, C), more rows than a split.
CASES = [(4, 3, 8, 8), (5, 2, 7, 9), (1, 2, 20000), (3, 5, 4, 5), (600, 70), (2, 1, 64), (33, 1)]


@pytest.fixture(scope="module")
def kernels() -> dict[str, Any]:
    return norm_batch.kernels(modules())


def along(values: Any, ndim: int) -> Any:
    return values.reshape(1, -1, *[1] * (ndim - 2))


@pytest.mark.parametrize("affine", [False, True], ids=["plain", "affine"])
@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("shape", CASES, ids=str)
def test_values(kernels: Any, shape: Any, dtype: Any, affine: bool) -> None:
    eps, dims, ndim = 1e-5, (0, *range(2, len(shape))), len(shape)
    x, grad = draw(shape, dtype, 0) + dtype(1), draw(shape, dtype, 1)
    channels = (shape[1],)
    weight, bias = (draw(channels, dtype, 2), draw(channels, dtype, 3)) if affine else (None, None)
    x64, grad64 = x.astype(np.float64), grad.astype(np.float64)
    scale = 1 if weight is None else along(weight.astype(np.float64), ndim)
    shift = 0 if bias is None else along(bias.astype(np.float64), ndim)

    y, mean, var = kernels["batch_norm"](x, weight, bias, eps)
    want_mean, want_var = x64.mean(dims), x64.var(dims)
    h = (x64 - along(want_mean, ndim)) / np.sqrt(along(want_var, ndim) + eps)
    assert_close(y, h * scale + shift, 4)
    assert_close(mean, want_mean, 4)
    assert_close(var, want_var, 4)

    dx, by_weight, by_bias = kernels["batch_norm_backward"](grad, x, mean, var, weight, eps)
    rstd = along(1 / np.sqrt(var.astype(np.float64) + eps), ndim)
    h = (x64 - along(mean.astype(np.float64), ndim)) * rstd
    assert_close(by_bias, grad64.sum(dims), 8)
    assert_close(by_weight, (grad64 * h).sum(dims), 8)
    level, slope = grad64.mean(dims), (grad64 * h).mean(dims)
    assert_close(dx, rstd * scale * (grad64 - along(level, ndim) - h * along(slope, ndim)), 8)


def test_a_large_mean_does_not_spoil_the_variance(kernels: Any) -> None:
    x = draw((8, 2, 100), np.float32) + np.float32(4096)
    var = kernels["batch_norm"](x, None, None, 1e-5)[2]
    assert_close(var, x.astype(np.float64).var((0, 2)), 100)


def test_nothing(kernels: Any) -> None:
    empty = np.zeros((0, 3, 2), np.float32)
    y, mean, var = kernels["batch_norm"](empty, None, None, 1e-5)
    assert y.shape == empty.shape and np.isnan(mean).all() and np.isnan(var).all()
    dx, by_weight, by_bias = kernels["batch_norm_backward"](empty, empty, mean, var, None, 1e-5)
    assert dx.shape == empty.shape and not by_weight.any() and not by_bias.any()
