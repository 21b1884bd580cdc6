"""What an op costs above its kernel: work on so few elements that the framework is all one sees."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture


def test_numpy_add(benchmark: BenchmarkFixture) -> None:
    """The floor: the bare kernel."""
    a, b = np.ones(1, np.float32), np.ones(1, np.float32)
    benchmark(lambda: a + b)


def test_add(benchmark: BenchmarkFixture, library: ModuleType) -> None:
    a, b = library.ones(1), library.ones(1)
    benchmark(lambda: a + b)


def test_add_recorded(benchmark: BenchmarkFixture, library: ModuleType) -> None:
    a, b = library.ones(1, requires_grad=True), library.ones(1)
    benchmark(lambda: a + b)


def test_chain_backward(benchmark: BenchmarkFixture, library: ModuleType) -> None:
    """32 dependent ops on four elements, forward and backward."""
    a = library.ones(4, requires_grad=True)

    def run() -> None:
        x = a
        for _ in range(16):
            x = x * 1.01 + 0.1
        x.sum().backward()
        a.grad = None

    benchmark(run)


@pytest.mark.parametrize("name", ["reshape", "transpose", "index"])
def test_view(benchmark: BenchmarkFixture, library: ModuleType, name: str) -> None:
    x = library.ones(4, 6)
    views = {
        "reshape": lambda: x.reshape(6, 4),
        "transpose": lambda: x.transpose(0, 1),
        "index": lambda: x[1:3, 2],
    }
    benchmark(views[name])


def test_module_call(benchmark: BenchmarkFixture, library: ModuleType) -> None:
    """A linear layer with one feature: `Module.__call__` and two small ops."""
    layer, x = library.nn.Linear(1, 1), library.ones(1, 1)
    benchmark(lambda: layer(x))
