"""Cross entropy in one pass over the logits, and its gradient, against PyTorch in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dlf_cupy_gpu.kernels import cross_entropy
from tests.cuda.compare import DTYPES, IDS, assert_close, draw
from tests.cuda.host import modules


@pytest.fixture(scope="module")
def kernels() -> dict[str, Any]:
    return cross_entropy.kernels(modules())


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize(
    ("weighted", "smoothing"), [(False, 0.0), (True, 0.0), (False, 0.1), (True, 0.3)]
)
@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("shape", [(9, 5), (5, 75), (3, 1040), (2, 6001), (2, 4, 3, 5)], ids=str)
def test_values(
    kernels: Any, shape: Any, dtype: Any, weighted: bool, smoothing: float, reduction: str
) -> None:
    logits = draw(shape, dtype, scale=3)
    target = np.random.default_rng(1).integers(0, shape[1], (shape[0], *shape[2:]))
    target.flat[::4] = -100
    weight = np.abs(draw((shape[1],), dtype, 2)) if weighted else None
    at = torch.from_numpy(logits.astype(np.float64)).requires_grad_()
    share = None if weight is None else torch.from_numpy(weight.astype(np.float64))
    options = {"weight": share, "label_smoothing": smoothing, "reduction": reduction}
    want = F.cross_entropy(at, torch.from_numpy(target), **options)
    given = (target, weight)
    loss, total = kernels["cross_entropy"](logits, *given, -100, smoothing, reduction)
    assert_close(loss, want.detach().numpy(), 4)

    grad = draw(want.shape, dtype, 3)
    (dx,) = torch.autograd.grad(want, at, torch.from_numpy(grad.astype(np.float64)))
    arguments = (grad, logits, *given, total, -100, smoothing, reduction)
    assert_close(kernels["cross_entropy_backward"](*arguments), dx.numpy(), 4)


def test_a_class_out_of_range_gives_nan_and_reads_nothing(kernels: Any) -> None:
    logits, target = draw((3, 2), np.float32), np.array([0, 2, -1])
    loss, _ = kernels["cross_entropy"](logits, target, None, -100, 0.0, "none")
    assert np.isnan(loss).tolist() == [False, True, True]


def test_nothing(kernels: Any) -> None:
    logits, target = np.zeros((0, 3), np.float32), np.zeros(0, np.int64)
    loss, total = kernels["cross_entropy"](logits, target, None, -100, 0.0, "sum")
    assert loss == 0 and total == 0
    given = (np.ones((), np.float32), logits, target, None, total)
    assert kernels["cross_entropy_backward"](*given, -100, 0.0, "sum").shape == (0, 3)
