"""Softmax, its logarithm, and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dlf_cupy_gpu.kernels import softmax
from tests.cuda.compare import DTYPES, IDS, assert_close, draw, misaligned
from tests.cuda.host import modules

# Rows of a thread, of a warp, of a block, odd ones, ones that no cache holds; other dims; nothing.
CASES = [
    ((5, 10), 1),
    ((5, 75), 1),
    ((9, 128), 1),
    ((9, 131), 1),
    ((3, 4100), -1),
    ((2, 13001), 1),
    ((1, 24576), 1),
    ((4, 9, 6), 1),
    ((3, 2), 0),
    ((0, 3), 1),
    ((3, 0), 1),
    ((1, 1), 1),
    ((), 0),
]


@pytest.fixture(scope="module")
def kernels() -> dict[str, Any]:
    return softmax.kernels(modules())


def forward(x: Any, dim: int, log: bool) -> Any:
    if not x.size:
        return x
    dim = dim if x.ndim else ()
    with np.errstate(invalid="ignore", divide="ignore"):
        shifted = x - x.max(dim, keepdims=True)
        total = np.exp(shifted).sum(dim, keepdims=True)
        return np.asarray(shifted - np.log(total) if log else np.exp(shifted) / total)


def backward(grad: Any, y: Any, dim: int, log: bool) -> Any:
    dim = dim if y.ndim else ()
    if log:
        return np.asarray(grad - np.exp(y) * grad.sum(dim, keepdims=True))
    return np.asarray(y * (grad - (grad * y).sum(dim, keepdims=True)))


@pytest.mark.parametrize("log", [False, True], ids=["softmax", "log_softmax"])
@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize(("shape", "dim"), CASES, ids=str)
def test_values(kernels: Any, shape: Any, dim: int, dtype: Any, log: bool) -> None:
    name = "log_softmax" if log else "softmax"
    x = draw(shape, dtype, scale=3)
    assert_close(kernels[name](x, dim), forward(x.astype(np.float64), dim, log), 2)
    grad = draw(shape, dtype, seed=1)
    y = forward(x.astype(np.float64), dim, log).astype(dtype)
    wanted = backward(grad.astype(np.float64), y.astype(np.float64), dim, log)
    assert_close(kernels[f"{name}_backward"](grad, y, dim), wanted, 4)


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
def test_addresses_that_no_wide_access_can_use(kernels: Any, dtype: Any) -> None:
    x = misaligned(draw((3, 640), dtype))
    assert_close(kernels["softmax"](x, 1), forward(x.astype(np.float64), 1, False), 2)
    assert modules().launches[-1] == "softmax_rows"
    kernels["softmax"](draw((3, 640), dtype), 1)
    assert modules().launches[-1] == "softmax_rows_wide"


@pytest.mark.parametrize("log", [False, True], ids=["softmax", "log_softmax"])
@pytest.mark.parametrize("dim", [0, 1])
def test_infinities_and_nan(kernels: Any, log: bool, dim: int) -> None:
    x = draw((8, 8), np.float32)
    x[0, 1] = np.nan
    x[1] = -np.inf
    x[2, 3] = np.inf
    x[3, ::2] = -np.inf
    x[4, 5] = 1e30
    x[5] = np.nan
    x[6] = [-np.inf] * 7 + [np.nan]
    given = x if dim == 1 else np.ascontiguousarray(x.T)
    name = "log_softmax" if log else "softmax"
    wanted = forward(x.astype(np.float64), 1, log)
    assert_close(kernels[name](given, dim), wanted if dim == 1 else wanted.T)


def test_a_row_that_is_not_contiguous(kernels: Any) -> None:
    x = draw((6, 40), np.float32)[:, ::2]
    assert_close(kernels["softmax"](x, 1), forward(x.astype(np.float64), 1, False))
