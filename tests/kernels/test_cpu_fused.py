"""The cpu device's fused kernels against float64 formulas, and work shared between threads."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import dlf
from dlf.ops import loss, recurrent
from dlf_numpy_cpu import parallel
from dlf_numpy_cpu.kernels import kernels

KERNELS = kernels()
WIDE = np.linspace(-6, 6, 200_001).astype(np.float32)


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = parallel.get_num_threads()
    parallel.set_num_threads(2)
    yield
    parallel.set_num_threads(before)


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape)


def test_erf_is_accurate() -> None:
    exact = np.array([math.erf(x) for x in WIDE.tolist()])
    error = np.abs(KERNELS["erf"](WIDE) - exact)
    assert (error <= 4 * np.spacing(np.abs(exact).astype(np.float32))).all()


def test_erf_at_the_ends() -> None:
    given = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e30, -1e30, 1e-40], np.float32)
    result = KERNELS["erf"](given)
    np.testing.assert_allclose(result, [1, -1, np.nan, 0, -0.0, 1, -1, 1.128379e-40], rtol=1e-4)
    assert np.signbit(result[4])


def test_gelu_is_accurate() -> None:
    exact = np.array([0.5 * x * (1 + math.erf(x / math.sqrt(2))) for x in WIDE.tolist()])
    np.testing.assert_allclose(KERNELS["gelu"](WIDE, "none"), exact, rtol=2e-7, atol=5e-7)


@pytest.mark.parametrize(
    "rows",
    [
        [[1.0, 2.0, 3.0]],
        [[200.0, 100.0, 0.0], [-200.0, -100.0, -300.0]],
        [[0.0, -np.inf, 1.0], [-50.0, -51.0, -np.inf]],
        [[-np.inf, -np.inf, -np.inf], [1.0, np.nan, 2.0], [np.inf, 0.0, 1.0]],
    ],
)
def test_softmax_shifts_where_it_must(rows: list[list[float]]) -> None:
    x = np.array(rows, np.float32)
    with np.errstate(all="ignore"):
        raised = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
        expected = raised / raised.sum(1, keepdims=True)
    np.testing.assert_allclose(KERNELS["softmax"](x, 1), expected, rtol=1e-6, atol=1e-37)


@pytest.mark.parametrize("columns", [1, 2, 64, 65, 1024, 3000])
@pytest.mark.parametrize("name", ["max", "min"])
def test_row_extremes(name: str, columns: int) -> None:
    x = normal(9000 // columns + 3, columns).astype(np.float32)
    x[1, columns // 2] = np.nan
    np.testing.assert_array_equal(KERNELS[name](x, (1,), False), getattr(x, name)(1))


def test_max_pool_prefers_the_first_maximum_and_the_last_nan() -> None:
    x = np.zeros((1, 1, 4, 4), np.float32)
    x[0, 0, 2, 2] = x[0, 0, 3, 3] = np.nan
    values, places = KERNELS["max_pool2d"](x, (2, 2), (2, 2), (0, 0), (1, 1))
    assert places.tolist() == [[[[0, 2], [8, 15]]]]
    assert np.isnan(values[0, 0, 1, 1])
    assert not np.isnan(values).sum() > 1


def test_overlapping_windows_choose_as_one_by_one() -> None:
    x = np.random.default_rng(0).integers(0, 4, (2, 3, 9, 11)).astype(np.float32)
    values, places = KERNELS["max_pool2d"](x, (3, 2), (2, 1), (0, 0), (1, 2))
    for n, c, i, j in np.ndindex(values.shape):
        window = x[n, c, 2 * i : 2 * i + 3, j : j + 3 : 2]
        at = divmod(int(window.argmax()), 2)
        assert values[n, c, i, j] == window.max()
        assert places[n, c, i, j] == (2 * i + at[0]) * 11 + j + 2 * at[1]


def tensors(*shapes: tuple[int, ...]) -> list[dlf.Tensor]:
    return [
        dlf.tensor(normal(*shape, seed=i), dtype=dlf.float64, requires_grad=True)
        for i, shape in enumerate(shapes)
    ]


@pytest.mark.parametrize("reverse", [False, True])
def test_lstm_sequence_equals_its_steps(reverse: bool) -> None:
    given = tensors((3, 2, 8), (2, 2), (2, 2), (8, 2))
    fused = recurrent.lstm_sequence(*given, reverse)
    plain = recurrent.lstm_sequence.op.decompose(*given, reverse)
    for one, other in zip(fused, plain, strict=True):
        np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
def test_lstm_sequence_gradients(reverse: bool) -> None:
    given = tensors((3, 2, 8), (2, 2), (2, 2), (8, 2))

    def run(*tensors: dlf.Tensor) -> Any:
        return recurrent.lstm_sequence(*tensors, reverse)

    assert dlf.autograd.gradcheck(run, given)
    assert dlf.autograd.gradgradcheck(run, given)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("shape", [(5, 4), (3, 4, 2, 2)])
def test_nll_equals_its_decomposition(
    shape: tuple[int, ...], reduction: str, weighted: bool
) -> None:
    log_probs = dlf.tensor(normal(*shape))
    places = (shape[0], *shape[2:])
    target = dlf.tensor(np.random.default_rng(1).integers(0, 4, places))
    weight = dlf.tensor(np.array([0.5, 1.0, 2.0, 0.0])) if weighted else None
    for ignored in (-100, 1):
        given = (log_probs, target, weight, ignored, reduction)
        value, total = loss.nll(*given)
        plain, plain_total = loss.nll.op.decompose(*given)
        np.testing.assert_allclose(value.numpy(), plain.numpy(), rtol=1e-12)
        np.testing.assert_allclose(total.numpy(), plain_total.numpy(), rtol=1e-12)
        slope = dlf.ones_like(value)
        back = (slope, target, weight, total, 4, ignored, reduction)
        np.testing.assert_allclose(
            loss.nll_backward(*back).numpy(),
            loss.nll_backward.op.decompose(*back).numpy(),
            rtol=1e-12,
        )


def test_nll_of_ignored_targets_alone() -> None:
    logits = dlf.randn(3, 4, requires_grad=True)
    value = dlf.nn.functional.cross_entropy(logits, dlf.full((3,), -100))
    assert math.isnan(value.item())
    value.backward()
    assert logits.grad is not None
    assert not logits.grad.numpy().any()


@pytest.mark.usefixtures("two_threads")
def test_shared_work_covers_every_piece_once() -> None:
    seen = np.zeros(1000, np.int64)
    names: set[str] = set()

    def work(part: slice) -> None:
        seen[part] += 1
        names.add(threading.current_thread().name)

    for _ in range(50):
        parallel.over(1000, 7, work, 1 << 24)
    assert (seen == 50).all()
    assert names <= {threading.current_thread().name, "dlf-cpu"}


@pytest.mark.usefixtures("two_threads")
def test_shared_work_raises_what_a_piece_raised() -> None:
    def work(part: slice) -> None:
        raise KeyError(part.start)

    with pytest.raises(KeyError):
        parallel.over(100, 10, work, 1 << 24)


@pytest.mark.usefixtures("two_threads")
def test_large_arrays_give_the_same_on_any_number_of_threads() -> None:
    x = normal(1100, 600).astype(np.float32)
    shared = [KERNELS["gelu"](x, "none"), KERNELS["softmax"](x, 1), KERNELS["sigmoid"](x)]
    parallel.set_num_threads(1)
    alone = [KERNELS["gelu"](x, "none"), KERNELS["softmax"](x, 1), KERNELS["sigmoid"](x)]
    for one, other in zip(shared, alone, strict=True):
        np.testing.assert_array_equal(one, other)


def test_fewer_than_one_thread_is_refused() -> None:
    with pytest.raises(RuntimeError, match="positive integer, got 0"):
        parallel.set_num_threads(0)


def test_set_num_threads_reaches_the_backend() -> None:
    before = parallel.get_num_threads()
    dlf.set_num_threads(3)
    assert parallel.get_num_threads() == 3
    dlf.set_num_threads(before)
    for wrong in (0, -1, 1.5, "2"):
        with pytest.raises(RuntimeError, match="positive integer"):
            dlf.set_num_threads(wrong)
