"""Negative log-likelihood and its gradient, against PyTorch in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dlf_cupy_gpu.kernels import nll
from tests.cuda.compare import DTYPES, IDS, assert_close, draw
from tests.cuda.host import modules


@pytest.fixture(scope="module")
def kernels() -> dict[str, Any]:
    return nll.kernels(modules())


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("shape", [(9, 5), (3000, 3), (2, 4, 3, 5)], ids=str)
def test_values(kernels: Any, shape: Any, dtype: Any, weighted: bool, reduction: str) -> None:
    log_probs = draw(shape, dtype)
    rng = np.random.default_rng(1)
    target = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    target.flat[::4] = -100
    weight = np.abs(draw((shape[1],), dtype, 2)) if weighted else None
    at = torch.from_numpy(log_probs.astype(np.float64)).requires_grad_()
    share = None if weight is None else torch.from_numpy(weight.astype(np.float64))
    want = F.nll_loss(at, torch.from_numpy(target), share, reduction=reduction)
    loss, total = kernels["nll"](log_probs, target, weight, -100, reduction)
    assert_close(loss, want.detach().numpy(), 4)
    counted = target[target != -100]
    weights = np.ones(shape[1]) if weight is None else weight.astype(np.float64)
    assert_close(total, np.asarray(weights[counted].sum()), 4)

    grad = draw(want.shape, dtype, 3)
    (dx,) = torch.autograd.grad(want, at, torch.from_numpy(grad.astype(np.float64)))
    arguments = (grad, target, weight, total, shape[1], -100, reduction)
    assert_close(kernels["nll_backward"](*arguments), dx.numpy(), 4)


def test_nothing_counts(kernels: Any) -> None:
    log_probs, target = draw((3, 2), np.float32), np.full(3, 7)
    loss, total = kernels["nll"](log_probs, target, None, 7, "mean")
    assert np.isnan(loss) and total == 0
    empty = np.zeros((0, 2), np.float32), np.zeros(0, np.int64)
    assert np.isnan(kernels["nll"](*empty, None, -100, "mean")[0])
    assert kernels["nll"](*empty, None, -100, "sum")[0] == 0
    assert kernels["nll"](*empty, None, -100, "none")[0].shape == (0,)


@pytest.mark.parametrize("wrong", [-1, 2])
def test_a_class_out_of_range_gives_nan_and_reads_nothing(kernels: Any, wrong: int) -> None:
    log_probs, target = draw((3, 2), np.float32), np.array([0, wrong, 1])
    assert np.isnan(kernels["nll"](log_probs, target, None, -100, "sum")[0])
    one, total = np.ones((), np.float32), np.ones((), np.float32)
    assert not kernels["nll_backward"](one, target, None, total, 2, -100, "sum")[1].any()
