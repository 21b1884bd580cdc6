"""Generators, seeding, and the distributions' first moments."""

from __future__ import annotations

import copy
import pickle
import re
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dlf
from dlf import draws, dtypes, random
from dlf.device_random import DeviceRandom
from dlf.errors import DeviceUnavailableError
from dlf.random import Generator
from dlf.recording import CaptureError, Places

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


# ------------------------------------------------------------------ devices that draw by themselves
@pytest.fixture
def global_state() -> Iterator[None]:
    """Everything as it was, after the test."""
    with random.fork_rng():
        yield


def _on_sim(generator: Generator | None = None) -> list[float]:
    values: list[float] = dlf.rand(6, device="sim", generator=generator).cpu().tolist()
    return values


def test_a_device_generator_is_a_seed_and_an_offset() -> None:
    g = Generator("sim").manual_seed(-2)
    assert (g.device, g.on_host, g.initial_seed()) == (dlf.device("sim:0"), False, 2**64 - 2)
    assert struct.unpack("<2Q", bytes(g.get_state().tolist())) == (2**64 - 2, 0)
    assert g._reserve(9) == (2**64 - 2, 0) and g._reserve(0) == g._reserve(1) == (2**64 - 2, 3)
    for other in (g.clone_state(), pickle.loads(pickle.dumps(g)), copy.deepcopy(g)):
        assert other._reserve(1) == (2**64 - 2, 4) and other.device is g.device
    g.set_state(dlf.tensor([1] + [0] * 7 + [255] * 8, dtype=dlf.uint8))
    assert g._reserve(5) == (1, 2**64 - 1) and g._reserve(1) == (1, 1), "the offset wraps around"
    assert g.seed() == g.initial_seed() and g._reserve(1) == (g.initial_seed(), 0)
    with pytest.raises(RuntimeError, match="16 bytes, got 112"):
        g.set_state(Generator().get_state())
    with pytest.raises(RuntimeError, match="112 bytes, got 16"):
        Generator().set_state(g.get_state())
    with pytest.raises(RuntimeError, match="no offset"):
        Generator()._reserve(1)


def test_generators_of_other_devices_are_refused() -> None:
    for device, generator, wanted, found in [
        ("sim", Generator(), "sim", "cpu"),
        ("cpu", Generator("sim"), "cpu", "sim"),
    ]:
        match = f"Expected a '{wanted}' device type for generator but found '{found}'"
        for draw in (
            lambda d, g: dlf.rand(3, device=d, generator=g),
            lambda d, g: dlf.zeros(3, device=d).normal_(generator=g),
            lambda d, g: dlf.randperm(3, device=d, generator=g),
            lambda d, g: dlf.multinomial(dlf.ones(3, device=d), 1, generator=g),
            lambda d, g: dlf.bernoulli(dlf.ones(3, device=d), generator=g),
        ):
            with pytest.raises(RuntimeError, match=match):
                draw(device, generator)
    with pytest.raises(TypeError, match=r"dlf\.Generator"):
        dlf.rand(3, device="sim", generator=np.random.default_rng())
    on_other_index = dlf.rand(3, device="sim:1", generator=Generator("sim").manual_seed(5))
    assert on_other_index.cpu().tolist() == _on_sim(Generator("sim").manual_seed(5))[:3]


@pytest.mark.usefixtures("global_state")
def test_one_seed_for_all_devices() -> None:
    code = """
import dlf
dlf.manual_seed(13)
first = dlf.rand(6, device="sim:1").cpu().tolist()
assert first == dlf.rand(6, device="sim").cpu().tolist()
assert dlf.sim.initial_seed() == dlf.initial_seed() == 13
assert dlf.seed() == dlf.initial_seed() == dlf.sim.initial_seed() != 13
assert [g.initial_seed() for g in dlf.sim.default_generators] == [dlf.initial_seed()] * 2
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    dlf.manual_seed(13)
    first = _on_sim()
    assert _on_sim() != first
    dlf.manual_seed(13)
    dlf.rand(100)
    assert _on_sim() == first, "what the host draws is not the device's"


def test_unseeded_generators_differ() -> None:
    code = "import dlf; print(dlf.rand(3, device='sim').cpu().tolist(), dlf.sim.initial_seed())"
    runs = {
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
        for _ in range(2)
    }
    assert len(runs) == 2


@pytest.mark.usefixtures("global_state")
def test_fork_rng_and_devices() -> None:
    dlf.manual_seed(1)
    expected = [_on_sim(), _on_sim()]
    for devices, kept in [
        (None, True), (["sim"], True), ([dlf.device("sim:0")], True), ([0], True),
        ([], False), ([1], False), (["sim:1"], False),
    ]:  # fmt: skip
        dlf.manual_seed(1)
        with random.fork_rng(devices):
            assert _on_sim() == expected[0]
        assert _on_sim() == expected[0 if kept else 1], devices
    dlf.manual_seed(1)
    with random.fork_rng([0], device_type="other"):
        _on_sim()
    assert _on_sim() == expected[1]


def test_fork_rng_and_generators_made_within() -> None:
    code = """
import dlf
from dlf.random import fork_rng
dlf.manual_seed(1)
with fork_rng():
    dlf.manual_seed(2)
    inside = dlf.rand(6, device="sim").cpu().tolist()
assert dlf.sim.initial_seed() == 1
after = dlf.rand(6, device="sim").cpu().tolist()
dlf.manual_seed(1)
assert dlf.rand(6, device="sim").cpu().tolist() == after != inside
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.usefixtures("global_state")
def test_the_functions_of_a_device_module() -> None:
    sim: Any = dlf.sim  # type: ignore[attr-defined]  # found at run time
    sim.manual_seed_all(3)
    states = sim.get_rng_state_all()
    assert [len(state) for state in states] == [16, 16]
    first = _on_sim()
    assert not dlf.equal(sim.get_rng_state(), states[0])
    assert dlf.equal(sim.get_rng_state("sim:1"), states[1])
    sim.set_rng_state(states[0])
    assert _on_sim() == first
    sim.set_rng_state_all(states)
    assert _on_sim() == first
    with sim.device(1):
        sim.manual_seed(8)
    assert [g.initial_seed() for g in sim.default_generators] == [3, 8]
    sim.seed_all()
    assert len({g.initial_seed() for g in sim.default_generators}) == 1
    with pytest.raises(ValueError, match="expected a sim device"):
        sim.get_rng_state("cpu")


@pytest.mark.usefixtures("global_state")
def test_modules_of_devices_that_the_host_draws_for() -> None:
    module: Any = DeviceRandom("cpu")
    module.manual_seed_all(4)
    assert dlf.initial_seed() == module.initial_seed() == 4
    assert module.default_generators == (random.default_generator,)
    state = module.get_rng_state()
    first = dlf.rand(3).tolist()
    module.set_rng_state(state)
    assert dlf.rand(3).tolist() == first


def test_seeding_an_unavailable_device_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(self: Any, device: Any = None) -> Generator:
        raise DeviceUnavailableError("no card")

    monkeypatch.setattr(DeviceRandom, "_generator", unavailable)
    DeviceRandom("sim").manual_seed(3)
    with pytest.raises(DeviceUnavailableError):
        DeviceRandom("sim").get_rng_state()


DEVICE_DRAWS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], str, float, float]] = {
    "uniform_": (np.copy, (-1.0, 3.0), "float32", 1.0, 16 / 12),
    "normal_": (np.copy, (2.0, 3.0), "float32", 2.0, 9.0),
    "normal_ half": (np.copy, (2.0, 3.0), "float16", 2.0, 9.0),
    "random_": (np.copy, (0, 10), "int32", 4.5, 8.25),
    "bernoulli_": (np.copy, (0.3,), "float64", 0.3, 0.21),
    "exponential_": (np.copy, (2.0,), "float32", 0.5, 0.25),
    "exponential_ half": (np.copy, (2.0,), "bfloat16", 0.5, 0.25),
    "geometric_": (np.copy, (0.4,), "int64", 2.5, 3.75),
    "geometric_ half": (np.copy, (0.4,), "float16", 2.5, 3.75),
    "log_normal_": (np.log, (0.5, 0.25), "float32", 0.5, 0.0625),
}


@pytest.mark.parametrize("name", DEVICE_DRAWS)
@pytest.mark.parametrize("device", ["sim", "cpu"])
@pytest.mark.usefixtures("global_state")
def test_fills(name: str, device: str) -> None:
    change, arguments, kind, mean, variance = DEVICE_DRAWS[name]
    dlf.manual_seed(3)
    n = 50_000
    filled = dlf.empty(n, dtype=dtypes.ALL[kind], device=device)
    given = getattr(filled, name.split()[0])(*arguments)
    assert given is filled and filled.dtype is dtypes.ALL[kind]
    drawn = change(filled.cpu().numpy().astype(np.float64))
    assert abs(drawn.mean() - mean) < 5 * (variance / n) ** 0.5 + 0.002 * abs(mean)
    assert abs(drawn.var() / variance - 1) < 0.05


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (2.0, 2.0625), (-3.0, 5.0), (1.0, 1.0)])
@pytest.mark.usefixtures("global_state")
def test_a_device_stays_below_the_end(name: str, low: float, high: float) -> None:
    dlf.manual_seed(2)
    t = dlf.empty(30_000, dtype=dtypes.ALL[name], device="sim").uniform_(low, high)
    drawn = t.cpu().numpy().astype(np.float64)
    assert low <= drawn.min() and (drawn.max() < high or low == high == drawn.max())


def test_random_fills_within_the_dtype() -> None:
    for name, most in [("float16", 2**11), ("bfloat16", 2**8), ("bool", 2), ("uint8", 256)]:
        for device in ("cpu", "sim"):
            t = dlf.empty(20_000, dtype=dtypes.ALL[name], device=device).random_()
            drawn = t.cpu().numpy().astype(np.float64)
            assert 0 <= drawn.min() < drawn.max() < most and drawn.max() > 0.9 * (most - 1), name


def test_devices_refuse_what_the_host_refuses() -> None:
    t = dlf.zeros(3, device="sim")
    refused: list[Callable[[], object]] = [
        lambda: t.uniform_(2, 1),
        lambda: dlf.rand(2, device="sim", dtype=dlf.int64),
        lambda: t.normal_(0, -1),
        lambda: dlf.randint(3, 3, (2,), device="sim"),
        lambda: dlf.randint(0, 300, (2,), dtype=dlf.uint8, device="sim"),
        lambda: dlf.randperm(-1, device="sim"),
        lambda: t.bernoulli_(2.0),
        lambda: t.bernoulli_(dlf.tensor([0.0, 2.0, 0.0])),
        lambda: t.exponential_(-1),
        lambda: t.cauchy_(0, 0),
        lambda: t.log_normal_(0, 0),
        lambda: dlf.zeros(3).log_normal_(0, 0),
        lambda: t.geometric_(1.0),
        lambda: dlf.poisson(t - 1),
        lambda: dlf.multinomial(t, 1),
        lambda: dlf.multinomial(t - 1, 1),
        lambda: dlf.multinomial(t + float("inf"), 1),
        lambda: dlf.multinomial(t + 1, 4),
        lambda: dlf.multinomial(t + 1, 0),
        lambda: dlf.multinomial(dlf.ones(1, 1, 1, device="sim"), 1),
        lambda: dlf.multinomial(dlf.ones(0, device="sim"), 1, True),
    ]
    for number, attempt in enumerate(refused):
        with pytest.raises(RuntimeError):
            attempt()
            pytest.fail(f"attempt {number} was not refused")


@pytest.mark.usefixtures("global_state")
def test_poisson_follows_the_device_generator() -> None:
    rates = dlf.full((50,), 20.0, device="sim")
    dlf.manual_seed(6)
    first, second = (dlf.poisson(rates).cpu().tolist() for _ in range(2))
    dlf.manual_seed(6)
    dlf.poisson(dlf.ones(3))
    assert dlf.poisson(rates).cpu().tolist() == first != second


@pytest.mark.parametrize("replacement", [False, True])
def test_multinomial_takes_large_and_small_weights(replacement: bool) -> None:
    weights = dlf.tensor([3e38, 0.0, 1e38, 1e-38]).to("sim")
    g = Generator("sim").manual_seed(1)
    drawn = dlf.multinomial(weights.expand(4000, 4).contiguous(), 1, replacement, generator=g)
    shares = np.bincount(drawn.cpu().numpy().ravel(), minlength=4) / 4000
    np.testing.assert_allclose(shares, [0.75, 0, 0.25, 0], atol=0.03)


def test_dropout_keeps_its_mask_for_second_derivatives() -> None:
    x = dlf.randn(40, device="sim", requires_grad=True)
    y = dlf.nn.functional.dropout(x * x, 0.5)
    (g,) = dlf.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = dlf.autograd.grad(g.sum(), x)
    kept = (y.detach() != 0).cpu().numpy()
    np.testing.assert_allclose(g.detach().cpu().numpy(), kept * 4 * x.detach().cpu().numpy())
    np.testing.assert_allclose(h.cpu().numpy(), kept * 4.0)
    assert not dlf.nn.functional.dropout(dlf.ones(3, device="sim"), 1.0).any().item()


def test_places_of_a_recorded_step() -> None:
    g, h = (Generator("sim").manual_seed(seed) for seed in (3, 4))
    g._reserve(8)
    places = Places()
    with places.recording():
        assert [g._reserve(5), h._reserve(4), g._reserve(1)] == [(3, 2), (4, 0), (3, 4)]
    g._reserve(1)
    assert places.starts == ((3, 2), (4, 0))
    assert [places.find(*p) for p in ((3, 2), (4, 0), (3, 4))] == [(0, 0), (1, 0), (0, 2)]
    assert places.again() == ((3, 6), (4, 1)) and places.again() == ((3, 9), (4, 2))
    with pytest.raises(CaptureError, match="before the step was captured"):
        places.find(3, 5)
    again = Places()
    with again.recording(), pytest.raises(CaptureError, match="was seeded"):
        g._reserve(1)
        g.manual_seed(3)
        g._reserve(1)
    other_thread = Places()
    with other_thread.recording():
        thread = threading.Thread(target=g._reserve, args=(1,))
        thread.start()
        thread.join()
    assert other_thread.starts == ()


def test_the_page_runs_as_printed() -> None:
    page = Path(__file__).parents[1] / "docs" / "random-numbers.md"
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    assert blocks
    with random.fork_rng():
        for block in blocks:
            exec(compile(block, page.name, "exec"), {})
