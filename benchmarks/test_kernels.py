"""Large arrays: what the kernels themselves reach."""

from __future__ import annotations

from types import ModuleType

from pytest_benchmark.fixture import BenchmarkFixture


def test_matmul(benchmark: BenchmarkFixture, library: ModuleType) -> None:
    a, b = library.randn(1024, 1024), library.randn(1024, 1024)
    benchmark(lambda: a @ b)


def test_gelu(benchmark: BenchmarkFixture, library: ModuleType) -> None:
    x = library.randn(1 << 20)
    benchmark(lambda: library.nn.functional.gelu(x))


def test_softmax(benchmark: BenchmarkFixture, library: ModuleType) -> None:
    x = library.randn(1024, 1024)
    benchmark(lambda: library.nn.functional.softmax(x, -1))


def test_layer_norm_training(benchmark: BenchmarkFixture, library: ModuleType) -> None:
    layer, x = library.nn.LayerNorm(512), library.randn(1024, 512, requires_grad=True)

    def run() -> None:
        layer(x).sum().backward()
        x.grad = None

    benchmark(run)


def test_adam_step(benchmark: BenchmarkFixture, library: ModuleType) -> None:
    """One update of a million parameters in four tensors."""
    parameters = [library.nn.Parameter(library.randn(1000, 250)) for _ in range(4)]
    for parameter in parameters:
        parameter.grad = library.randn(1000, 250)
    benchmark(library.optim.Adam(parameters, lr=1e-3).step)
