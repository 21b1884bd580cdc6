"""Generators, seeding, and the distributions' first moments."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlf
from dlf import draws, dtypes, random
from dlf.random import Generator

DRAWS: dict[str, Callable[[Generator], np.ndarray]] = {
    "uniform": lambda g: draws.uniform_array((5, 3), generator=g),
    "normal": lambda g: draws.normal_array((7,), generator=g),
    "normal64": lambda g: draws.normal_array((7,), dtype=dtypes.float64, generator=g),
    "half": lambda g: draws.uniform_array((7,), dtype=dtypes.float16, generator=g),
    "complex": lambda g: draws.normal_array((7,), dtype=dtypes.complex64, generator=g),
    "integers": lambda g: draws.integers_array((9,), -3, 20, generator=g),
    "permutation": lambda g: draws.permutation_array(10, generator=g),
    "bernoulli": lambda g: draws.bernoulli_array((20,), 0.3, generator=g),
    "exponential": lambda g: draws.exponential_array((4,), 2.0, generator=g),
    "cauchy": lambda g: draws.cauchy_array((4,), generator=g),
    "geometric": lambda g: draws.geometric_array((4,), 0.3, generator=g),
    "poisson": lambda g: draws.poisson_array(np.array([1.0, 5.0]), generator=g),
    "multinomial": lambda g: draws.multinomial_array(np.ones((2, 5)), 3, generator=g),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_fixes_the_numbers(name: str) -> None:
    draw, g = DRAWS[name], Generator().manual_seed(3)
    first, second = draw(g), draw(g)
    again = Generator().manual_seed(3)
    np.testing.assert_array_equal(draw(again), first)
    np.testing.assert_array_equal(draw(again), second)
    np.testing.assert_array_equal(draw(g.manual_seed(3)), first)
    others = [draw(Generator().manual_seed(seed)) for seed in range(10, 20)]
    assert any((other != first).any() for other in others)


@pytest.mark.parametrize("name", DRAWS)
def test_a_state_goes_on_where_it_was(name: str) -> None:
    draw, g = DRAWS[name], Generator().manual_seed(5)
    draw(g)
    state = g.get_state()
    expected = draw(g), draw(g)
    for other in (Generator(), g):
        other.set_state(state)
        assert other.initial_seed() == 5
        np.testing.assert_array_equal((draw(other), draw(other)), expected)


def test_copies_go_on_alone() -> None:
    g = Generator().manual_seed(1)
    draws.normal_array((3,), generator=g)
    copies = [g.clone_state(), pickle.loads(pickle.dumps(g)), copy.deepcopy(g)]
    expected = draws.normal_array((3,), generator=g)
    for each in copies:
        np.testing.assert_array_equal(draws.normal_array((3,), generator=each), expected)


def test_seeds() -> None:
    g = Generator()
    assert g.manual_seed(-1).initial_seed() == 2**64 - 1
    assert g.seed() == g.initial_seed()
    for bad, error in (("a", RuntimeError), (1.5, RuntimeError), (2**64, ValueError)):
        with pytest.raises(error):
            g.manual_seed(bad)  # type: ignore[arg-type]  # what the test is about


def test_states_are_checked() -> None:
    g = Generator()
    with pytest.raises(TypeError):
        g.set_state(5)  # type: ignore[arg-type]  # what the test is about
    with pytest.raises(TypeError):
        g.set_state(dlf.zeros(112))
    with pytest.raises(RuntimeError):
        g.set_state(dlf.zeros(3, dtype=dlf.uint8))


def test_the_global_generator() -> None:
    dlf.manual_seed(11)
    assert dlf.initial_seed() == 11
    state = random.get_rng_state()
    first = draws.uniform_array((4,))
    random.set_rng_state(state)
    np.testing.assert_array_equal(draws.uniform_array((4,)), first)
    with random.fork_rng():
        dlf.manual_seed(99)
        draws.uniform_array((4,))
    after = draws.uniform_array((4,))
    random.set_rng_state(state)
    draws.uniform_array((4,))
    np.testing.assert_array_equal(draws.uniform_array((4,)), after)
    with random.fork_rng(enabled=False):
        dlf.manual_seed(99)
    assert dlf.initial_seed() == 99


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_uniform_stays_below_its_end(name: str) -> None:
    drawn = draws.uniform_array((20_000,), dtype=dtypes.ALL[name]).astype(np.float64)
    assert 0 <= drawn.min() < 0.01 < 0.99 < drawn.max() < 1


MOMENTS: list[tuple[Callable[..., np.ndarray], tuple[Any, ...], float, float]] = [
    (draws.uniform_array, (-1.0, 3.0), 1.0, 16 / 12),
    (draws.normal_array, (2.0, 3.0), 2.0, 9.0),
    (draws.integers_array, (0, 10), 4.5, 8.25),
    (draws.bernoulli_array, (0.3,), 0.3, 0.21),
    (draws.exponential_array, (2.0,), 0.5, 0.25),
    (draws.geometric_array, (0.4,), 2.5, 3.75),
]


@pytest.mark.parametrize(("draw", "arguments", "mean", "variance"), MOMENTS)
def test_moments(
    draw: Callable[..., np.ndarray], arguments: tuple[Any, ...], mean: float, variance: float
) -> None:
    n = 100_000
    drawn = draw((n,), *arguments, generator=Generator().manual_seed(0)).astype(np.float64)
    assert abs(drawn.mean() - mean) < 5 * (variance / n) ** 0.5
    assert abs(drawn.var() / variance - 1) < 0.05


def test_complex_normals_have_unit_variance() -> None:
    drawn = draws.normal_array((50_000,), dtype=dtypes.complex64)
    assert drawn.dtype == np.complex64
    assert abs(np.mean(np.abs(drawn) ** 2) - 1) < 0.05


@pytest.mark.parametrize("replacement", [False, True])
def test_multinomial(replacement: bool) -> None:
    weights = np.tile(np.array([0.0, 1.0, 2.0, 0.0, 5.0]), (20_000, 1))
    drawn = draws.multinomial_array(weights, 1, replacement)
    assert drawn.shape == (20_000, 1)
    shares = np.bincount(drawn.ravel(), minlength=5) / drawn.size
    np.testing.assert_allclose(shares, weights[0] / 8, atol=0.02)
    many = draws.multinomial_array(weights, 3, replacement)
    assert not np.isin(many, [0, 3]).any()
    distinct = all(len(set(row)) == 3 for row in many[:200])
    assert distinct is not replacement


def test_shapes_and_dtypes() -> None:
    assert draws.normal_array(()).shape == ()
    assert draws.uniform_array((0, 3)).shape == (0, 3)
    assert draws.integers_array((), 0, 2).shape == ()
    assert draws.integers_array((3,), 0, 200, dtypes.uint8).dtype == np.uint8
    assert draws.normal_array((2,), dtype=dtypes.bfloat16).dtype == dtypes.bfloat16.numpy
    assert sorted(draws.permutation_array(50)) == list(range(50))
    ones = draws.bernoulli_array((3,), np.array([0.0, 1.0, 1.0]))
    np.testing.assert_array_equal(ones, [0, 1, 1])


REFUSED: list[Callable[[], object]] = [
    lambda: draws.uniform_array((2,), 2.0, 1.0),
    lambda: draws.uniform_array((2,), dtype=dtypes.int64),
    lambda: draws.normal_array((2,), 0.0, -1.0),
    lambda: draws.integers_array((2,), 3, 3),
    lambda: draws.integers_array((2,), 0, 300, dtypes.uint8),
    lambda: draws.permutation_array(-1),
    lambda: draws.bernoulli_array((2,), 2.0),
    lambda: draws.exponential_array((2,), -1.0),
    lambda: draws.cauchy_array((2,), 0.0, 0.0),
    lambda: draws.geometric_array((2,), 1.0),
    lambda: draws.poisson_array(np.array([-1.0])),
    lambda: draws.multinomial_array(np.zeros(2), 1),
    lambda: draws.multinomial_array(np.array([1.0, -1.0]), 1),
    lambda: draws.multinomial_array(np.ones(2), 3),
    lambda: draws.multinomial_array(np.ones(2), 0),
    lambda: draws.multinomial_array(np.ones((1, 1, 1)), 1),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_refuses(case: int) -> None:
    with pytest.raises(RuntimeError):
        REFUSED[case]()


def test_threads_share_one_stream() -> None:
    """All numbers come from the one stream, none twice and none lost."""
    g = Generator().manual_seed(0)
    drawn: list[np.ndarray] = []

    def work() -> None:
        for _ in range(50):
            drawn.append(draws.uniform_array((40,), dtype=dtypes.float64, generator=g))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    alone = draws.uniform_array((8000,), dtype=dtypes.float64, generator=Generator().manual_seed(0))
    np.testing.assert_array_equal(np.sort(np.concatenate(drawn)), np.sort(alone))
