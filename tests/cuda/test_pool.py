"""Pooling and its gradients, against PyTorch and against dlf's own decompositions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dlf_cupy_gpu.kernels import lookup, pool
from tests.cuda.compare import DTYPES, IDS, assert_close, draw
from tests.cuda.host import modules


@pytest.fixture(params=[False, True], ids=["atomic", "deterministic"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(lookup, "is_deterministic", lambda: request.param)
    return pool.kernels(modules())


def double(a: Any) -> torch.Tensor:
    return torch.from_numpy(a.astype(np.float64))


MAX_2D = [
    ((2, 3, 8, 9), (2, 2), (2, 2), (0, 0), (1, 1)),
    ((1, 2, 7, 11), (3, 2), (1, 3), (1, 1), (2, 1)),
    ((2, 1, 5, 5), (3, 3), (2, 2), (1, 1), (2, 2)),
    ((2, 1, 3, 3), (1, 1), (1, 1), (0, 0), (1, 1)),
]


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize(("shape", "kernel", "stride", "padding", "dilation"), MAX_2D)
def test_max_pool2d(
    kernels: Any, shape: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, dtype: Any
) -> None:
    # Rounded, so that windows have equal maxima.
    x = np.round(draw(shape, dtype, scale=2)).astype(dtype)
    at = double(x).requires_grad_()
    want, places = F.max_pool2d(at, kernel, stride, padding, dilation, return_indices=True)
    y, have = kernels["max_pool2d"](x, kernel, stride, padding, dilation)
    assert_close(y, want.detach().numpy())
    assert have.dtype == np.int64 and np.array_equal(have, places.numpy())
    grad = draw(y.shape, dtype, 1)
    (dx,) = torch.autograd.grad(want, at, double(grad))
    assert_close(kernels["max_pool2d_backward"](grad, have, shape), dx.numpy(), 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_max_pool3d(kernels: Any, dtype: Any) -> None:
    shape, kernel, stride = (2, 2, 6, 7, 5), (3, 2, 2), (2, 1, 2)
    padding, dilation = (1, 0, 1), (1, 2, 1)
    x = draw(shape, dtype)
    at = double(x).requires_grad_()
    want, places = F.max_pool3d(at, kernel, stride, padding, dilation, return_indices=True)
    y, have = kernels["max_pool3d"](x, kernel, stride, padding, dilation)
    assert_close(y, want.detach().numpy())
    assert np.array_equal(have, places.numpy())
    grad = draw(y.shape, dtype, 1)
    (dx,) = torch.autograd.grad(want, at, double(grad))
    assert_close(kernels["max_pool3d_backward"](grad, have, shape), dx.numpy(), 2)


def test_max_pool_of_nan_and_infinities(kernels: Any) -> None:
    x = draw((1, 1, 6, 6), np.float32)
    x[0, 0, :3, :3] = -np.inf
    x[0, 0, 4, 4] = np.nan
    x[0, 0, 4, 5] = np.nan
    x[0, 0, 0, 5] = np.inf
    want, places = F.max_pool2d(double(x), 3, 1, 1, return_indices=True)
    y, have = kernels["max_pool2d"](x, (3, 3), (1, 1), (1, 1), (1, 1))
    assert_close(y, want.numpy())
    assert np.array_equal(have, places.numpy())


WINDOWS = [
    ((2, 3, 9), (3,), (2,), ((1, 0),)),
    ((2, 3, 8, 9), (2, 3), (2, 1), ((0, 1), (1, 1))),
    ((1, 2, 7, 8), (3, 2), (1, 2), ((-1, 0), (0, -2))),
    ((2, 1, 4, 5, 6), (2, 2, 3), (1, 2, 3), ((0, 0), (1, 0), (0, 0))),
    ((3, 2, 5, 7), (5, 7), (5, 7), ((0, 0), (0, 0))),
    ((1, 2, 6, 6), (2, 2), (3, 3), ((0, 0), (0, 0))),
]


def summed(x: torch.Tensor, kernel: Any, stride: Any, padding: Any) -> torch.Tensor:
    pads = [n for pair in reversed(padding) for n in pair]
    padded = F.pad(x, pads)
    for d, (k, s) in enumerate(zip(kernel, stride, strict=True)):
        padded = padded.unfold(2 + d, k, s)
    return padded.sum(tuple(range(-len(kernel), 0)))


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize(("shape", "kernel", "stride", "padding"), WINDOWS)
def test_window_sum(shape: Any, kernel: Any, stride: Any, padding: Any, dtype: Any) -> None:
    kernels = pool.kernels(modules())
    x = draw(shape, dtype)
    at = double(x).requires_grad_()
    want = summed(at, kernel, stride, padding)
    y = kernels["window_sum"](x, kernel, stride, padding)
    assert_close(y, want.detach().numpy(), 4)
    grad = draw(y.shape, dtype, 1)
    (dx,) = torch.autograd.grad(want, at, double(grad))
    have = kernels["window_spread"](grad, shape[2:], kernel, stride, padding)
    assert_close(have, dx.numpy(), 2)


def test_nothing(kernels: Any) -> None:
    x = np.zeros((0, 2, 4, 4), np.float32)
    y, places = kernels["max_pool2d"](x, (2, 2), (2, 2), (0, 0), (1, 1))
    assert y.shape == places.shape == (0, 2, 2, 2)
    assert kernels["max_pool2d_backward"](y, places, x.shape).shape == x.shape
    assert kernels["window_sum"](x, (2, 2), (2, 2), ((0, 0), (0, 0))).shape == (0, 2, 2, 2)
