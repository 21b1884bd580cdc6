"""Random numbers by Philox, against the stream that the `sim` device computes with NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import dlf
from dlf import dtypes
from dlf_cupy_gpu import capture
from dlf_cupy_gpu.kernels import random
from dlf_sim import random as model
from dlf_sim.philox import words
from tests.cuda.compare import IDS
from tests.cuda.host import modules

STREAMS = [(0, 0), (1234, 77), (2**63 + 5, 2**32 - 2), (2**64 - 1, 2**64 - 3)]
BOUNDS = {"float64": 1e-12, "float32": 1e-4, "float16": 4e-3, "bfloat16": 0.03}
RANGES = [
    ("uint8", 0, 256), ("uint8", 3, 4), ("int8", -128, 128), ("int16", -7, 12),
    ("int32", -(2**31), 2**31), ("int64", 0, 10), ("int64", -5, 2**40),
    ("int64", -(2**63), 2**63), ("int64", 2**62, 2**63),
]  # fmt: skip


@pytest.fixture(scope="module")
def kernels() -> dict[str, Any]:
    return random.kernels(modules())


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize(("seed", "offset"), STREAMS)
def test_uniform(kernels: dict[str, Any], seed: int, offset: int, name: str) -> None:
    dtype = dtypes.ALL[name]
    have = kernels["random_uniform"]((13, 79), dtype, seed, offset, 0)
    assert have.dtype == dtype.numpy
    wanted = model.uniform(1027, dtype, seed, offset)
    np.testing.assert_array_equal(have.reshape(-1), wanted)


@pytest.mark.parametrize("name", IDS)
def test_uniform_reaches_all_of_its_range(kernels: dict[str, Any], name: str) -> None:
    have = kernels["random_uniform"]((9001,), dtypes.ALL[name], 3, 0, 0).astype(np.float64)
    assert 0 <= have.min() < 0.01 < 0.99 < have.max() < 1 and abs(have.mean() - 0.5) < 0.02
    spacing = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}[name]
    steps = have * 2.0**spacing
    assert np.array_equal(steps, np.floor(steps)) and (steps % 2 == 1).any()


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize(("seed", "offset"), STREAMS)
def test_normal(kernels: dict[str, Any], seed: int, offset: int, name: str) -> None:
    dtype = dtypes.ALL[name]
    have = kernels["random_normal"]((2501,), dtype, seed, offset, 0)
    assert have.dtype == dtype.numpy
    wanted = model.normal(2501, dtype, seed, offset).astype(np.float64)
    np.testing.assert_allclose(have.astype(np.float64), wanted, atol=BOUNDS[name], rtol=1e-4)


@pytest.mark.parametrize(("name", "low", "high"), RANGES)
@pytest.mark.parametrize(("seed", "offset"), STREAMS)
def test_integers(
    kernels: dict[str, Any], seed: int, offset: int, name: str, low: int, high: int
) -> None:
    dtype = dtypes.ALL[name]
    have = kernels["random_integers"]((333, 3), low, high, dtype, seed, offset, 0)
    assert have.dtype == dtype.numpy
    np.testing.assert_array_equal(
        have.reshape(-1), model.integers(999, low, high, dtype, seed, offset)
    )


def test_shapes(kernels: dict[str, Any]) -> None:
    for shape in [(), (0,), (3, 0), (1,), (2, 3)]:
        for name, rest in (("uniform", ()), ("normal", ()), ("integers", (0, 5))):
            dtype = dlf.int64 if rest else dlf.float32
            assert kernels[f"random_{name}"](shape, *rest, dtype, 0, 0, 0).shape == shape


class Recorder:
    """What a recording tells a kernel."""

    state = np.array([31, 40], np.int64)

    def place(self, seed: int, offset: int) -> tuple[Any, int]:
        assert (seed, offset) == (8, 100)
        return self.state, 2


@pytest.fixture
def recording() -> Iterator[None]:
    capture.begin(Recorder())
    yield
    capture.end()


@pytest.mark.usefixtures("recording")
def test_a_recorded_launch_adds_what_the_replay_says(kernels: dict[str, Any]) -> None:
    have = kernels["random_uniform"]((9,), dlf.float32, 8, 100, 0)
    wanted = (words(9, 31, 42) >> np.uint64(8)) / 2**24
    np.testing.assert_array_equal(have, wanted.astype(np.float32))
