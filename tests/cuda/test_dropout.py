"""Philox, dropout, and a mask applied."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dlf_cupy_gpu.kernels import dropout
from tests.cuda.compare import DTYPES, IDS, assert_close, draw, misaligned
from tests.cuda.host import modules
from tests.cuda.philox import philox, words

# From the authors' Random123, file kat_vectors: counter, key, result.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000",
     "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
     "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
     "d16cfe09 94fdcceb 5001e420 24126ea1"),
]  # fmt: skip
STREAMS = [(0, 0), (1234, 77), (2**63 + 5, 2**32 - 2), (-1, 2**64 - 3)]


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_the_reference_gives_the_authors_numbers(counter: str, key: str, result: str) -> None:
    given = np.array([[int(w, 16) for w in counter.split()]], np.uint64)
    k0, k1 = (int(w, 16) for w in key.split())
    assert [f"{w:08x}" for w in philox(given, (k0, k1))[0]] == result.split()


@pytest.mark.parametrize(("seed", "offset"), STREAMS)
def test_uniform_is_the_documented_stream(seed: int, offset: int) -> None:
    wanted = (words(1027, seed, offset) >> np.uint64(8)) / 2**24
    have = dropout.uniform(modules(), (13, 79), np.float32, seed, offset)
    assert np.array_equal(have.reshape(-1), wanted.astype(np.float32))
    assert dropout.counters(1027) == 257


def test_the_state_is_added_when_the_kernel_runs() -> None:
    state = np.array([30, 4], np.int64)
    have = dropout.uniform(modules(), (9,), np.float64, 1, 2, state)
    assert np.array_equal(have, dropout.uniform(modules(), (9,), np.float64, 31, 6))


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
def test_uniform_stays_below_one(dtype: Any) -> None:
    have = dropout.uniform(modules(), (5000,), dtype, 3, 0).astype(np.float64)
    assert have.min() >= 0 and have.max() < 1 and abs(have.mean() - 0.5) < 0.02


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
def test_normal(dtype: Any) -> None:
    have = dropout.normal(modules(), (5001,), dtype, 3, 0).astype(np.float64)
    u = (words(5004, 3, 0) >> np.uint64(8)) / 2**24
    radius, angle = np.sqrt(-2 * np.log(1 - u[::2])), 2 * np.pi * u[1::2]
    wanted = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)[:5001]
    bound = {"float64": 1e-12, "float32": 1e-4}.get(np.dtype(dtype).name, 0.03)
    np.testing.assert_allclose(have, wanted, atol=bound)
    assert abs(have.mean()) < 0.05 and abs(have.std() - 1) < 0.05


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("count", [1, 6, 515])
def test_dropout(count: int, dtype: Any) -> None:
    for x in (draw((count,), dtype), misaligned(draw((count,), dtype))):
        y, mask = dropout.dropout(modules(), x, 0.25, 11, 5)
        wanted = (words(count, 11, 5) >> np.uint64(8)) / 2**24 >= 0.25
        assert mask.dtype == bool and np.array_equal(mask, wanted)
        assert np.array_equal(mask, dropout.keep_mask(modules(), (count,), 0.25, 11, 5))
        assert_close(y, x.astype(np.float64) * wanted / 0.75)


def test_dropout_of_all_and_of_none() -> None:
    x = draw((40,), np.float32)
    assert not dropout.dropout(modules(), x, 1.0, 0, 0)[0].any()
    assert np.array_equal(dropout.dropout(modules(), x, 0.0, 0, 0)[0], x)
    assert dropout.dropout(modules(), x[:0], 0.5, 0, 0)[0].shape == (0,)


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
