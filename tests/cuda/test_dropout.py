"""Dropout, and a mask applied."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlf
from dlf_cupy_gpu.kernels import dropout
from dlf_sim.philox import words
from tests.cuda.compare import DTYPES, IDS, assert_close, draw, misaligned
from tests.cuda.host import modules


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("count", [1, 6, 515])
def test_dropout(count: int, dtype: Any) -> None:
    kernels = dropout.kernels(modules())
    wanted = (words(count, 11, 5) >> np.uint64(8)) / 2**24 >= 0.25
    drawn = kernels["random_uniform"]((count,), dlf.float32, 11, 5, 0)
    assert np.array_equal(drawn >= 0.25, wanted)
    for x in (draw((count,), dtype), misaligned(draw((count,), dtype))):
        y, mask = kernels["dropout"](x, 0.25, 11, 5)
        assert mask.dtype == bool and np.array_equal(mask, wanted)
        assert_close(y, x.astype(np.float64) * wanted / 0.75)


def test_dropout_of_all_and_of_none() -> None:
    drop = dropout.kernels(modules())["dropout"]
    x = draw((40,), np.float32)
    assert not drop(x, 1.0, 0, 0)[0].any()
    assert np.array_equal(drop(x, 0.0, 0, 0)[0], x)
    assert drop(x[:0], 0.5, 0, 0)[0].shape == (0,)
    turned = draw((5, 8), np.float32).T
    y, mask = drop(turned, 0.5, 1, 0)
    assert y.shape == (8, 5) and np.array_equal(y, turned * mask * 2)


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
def test_masked_scale(dtype: Any) -> None:
    masked_scale = dropout.kernels(modules())["masked_scale"]
    rng = np.random.default_rng(0)
    for shape, masks in [((7, 9), (7, 9)), ((4, 3, 8), (4, 3, 1)), ((0,), (0,)), ((), ())]:
        x, mask = draw(shape, dtype), np.asarray(rng.random(masks) > 0.4)
        assert_close(masked_scale(x, mask, 1.5), np.asarray(x.astype(np.float64) * mask * 1.5))
    x = misaligned(draw((64,), dtype))
    mask = np.ones(65, bool)[1:]
    assert_close(masked_scale(x, mask, 1.0), x.astype(np.float64))
    assert_close(masked_scale(x.copy(), mask, 1.0), x.astype(np.float64))
    x[3] = np.nan
    assert np.isnan(masked_scale(x, np.zeros(64, bool), 2.0)[3])
