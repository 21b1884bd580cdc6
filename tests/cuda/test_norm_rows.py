"""Layer and root-mean-square normalization, and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dlf_cupy_gpu.kernels import norm_rows
from tests.cuda.compare import DTYPES, IDS, assert_close, draw, misaligned
from tests.cuda.host import modules

# Rows of a warp, of a block, odd ones, ones whose sums shared memory cannot hold; two dims; one
# row.
CASES = [
    ((40, 8), 1),
    ((37, 33), 1),
    ((5, 3, 16, 4), 2),
    ((70, 768), 1),
    ((3, 6400), 1),
    ((1, 1), 1),
    ((7,), 1),
]


@pytest.fixture(scope="module")
def kernels() -> dict[str, Any]:
    return norm_rows.kernels(modules())


def forward(x: Any, weight: Any, bias: Any, count: int, eps: float, centred: bool) -> Any:
    dims = tuple(range(x.ndim - count, x.ndim))
    mean = x.mean(dims, keepdims=True) if centred else np.zeros(())
    rstd = 1 / np.sqrt(((x - mean) ** 2).mean(dims, keepdims=True) + eps)
    y = (x - mean) * rstd * (1 if weight is None else weight) + (0 if bias is None else bias)
    return y, mean, rstd


def backward(grad: Any, x: Any, mean: Any, rstd: Any, weight: Any, count: int) -> Any:
    dims, rows = tuple(range(x.ndim - count, x.ndim)), tuple(range(x.ndim - count))
    h = (x - (0 if mean is None else mean)) * rstd
    e = grad * (1 if weight is None else weight)
    level = 0 if mean is None else e.mean(dims, keepdims=True)
    dx = rstd * (e - level - h * (e * h).mean(dims, keepdims=True))
    return dx, (grad * h).sum(rows), grad.sum(rows)


@pytest.mark.parametrize("affine", [False, True], ids=["plain", "affine"])
@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize(("shape", "count"), CASES, ids=str)
def test_values(kernels: Any, shape: Any, count: int, dtype: Any, affine: bool) -> None:
    over = shape[len(shape) - count :]
    x, grad = draw(shape, dtype, 0) + dtype(2), draw(shape, dtype, 1)
    weight, bias = (draw(over, dtype, 2), draw(over, dtype, 3)) if affine else (None, None)
    x64, grad64 = x.astype(np.float64), grad.astype(np.float64)
    weight64, bias64 = (None if a is None else a.astype(np.float64) for a in (weight, bias))

    got = kernels["layer_norm"](x, weight, bias, count, 1e-5)
    for have, want in zip(got, forward(x64, weight64, bias64, count, 1e-5, True), strict=True):
        assert_close(have, want, 4)
    _, mean, rstd = got
    have = kernels["layer_norm_backward"](grad, x, mean, rstd, weight, count)
    mean64, rstd64 = mean.astype(np.float64), rstd.astype(np.float64)
    want = backward(grad64, x64, mean64, rstd64, weight64, count)
    for h, w in zip(have, want, strict=True):
        assert_close(h, w, 8)

    y, rstd = kernels["rms_norm"](x, weight, count, 1e-5)
    want = forward(x64, weight64, None, count, 1e-5, False)
    assert_close(y, want[0], 4)
    assert_close(rstd, want[2], 4)
    have = kernels["rms_norm_backward"](grad, x, rstd, weight, count)
    want = backward(grad64, x64, None, rstd.astype(np.float64), weight64, count)
    for h, w in zip(have, want, strict=False):
        assert_close(h, w, 8)


def test_a_row_that_no_cache_holds(kernels: Any) -> None:
    x = draw((2, 12101), np.float32)
    want = forward(x.astype(np.float64), None, None, 1, 1e-5, True)
    assert_close(kernels["layer_norm"](x, None, None, 1, 1e-5)[0], want[0])


def test_a_large_mean_does_not_spoil_the_variance(kernels: Any) -> None:
    x = draw((4, 1024), np.float32) + np.float32(4096)
    want = forward(x.astype(np.float64), None, None, 1, 1e-5, True)
    assert_close(kernels["layer_norm"](x, None, None, 1, 1e-5)[0], want[0], 100)


def test_addresses_that_no_wide_access_can_use(kernels: Any) -> None:
    x, weight = draw((3, 64), np.float32), misaligned(draw((64,), np.float32))
    want = forward(x.astype(np.float64), weight.astype(np.float64), None, 1, 1e-5, True)
    assert_close(kernels["layer_norm"](x, weight, None, 1, 1e-5)[0], want[0])
    assert modules().launches[-1] == "layer_norm"


def test_nothing(kernels: Any) -> None:
    y, mean, rstd = kernels["layer_norm"](np.zeros((0, 4), np.float32), None, None, 1, 1e-5)
    assert y.shape == (0, 4) and mean.shape == rstd.shape == (0, 1)
    _, mean, rstd = kernels["layer_norm"](np.zeros((3, 0), np.float32), None, None, 1, 1e-5)
    assert np.isnan(mean).all() and np.isnan(rstd).all()
    empty = np.zeros((0, 4), np.float32)
    statistics = np.zeros((0, 1), np.float32)
    dx, by_weight, by_bias = kernels["layer_norm_backward"](
        empty, empty, statistics, statistics, None, 1
    )
    assert dx.shape == (0, 4) and not by_weight.any() and not by_bias.any()


def test_nan_stays_in_its_row(kernels: Any) -> None:
    x = draw((3, 40), np.float32)
    x[1, 7] = np.nan
    y = kernels["layer_norm"](x, None, None, 1, 1e-5)[0]
    assert np.isnan(y[1]).all() and not np.isnan(y[[0, 2]]).any()
