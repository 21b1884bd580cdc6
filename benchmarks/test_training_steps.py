"""One training step of each model of the parity tests: forward, backward and update."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.parity.models import SPECS


@pytest.mark.parametrize("name", SPECS)
def test_step(benchmark: BenchmarkFixture, library: ModuleType, name: str) -> None:
    training = SPECS[name].build(library)
    batch = SPECS[name].batch(np.random.default_rng(0))
    benchmark(training.step, batch)
