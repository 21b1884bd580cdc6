"""Random numbers on the device follow the seed, and the distributions are right.

All of this holds on every device, whether it draws by itself or is served by the host; the kernels
of those that do are the subject of `random_kernels`.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..case import Case
from ..subject import Array, Subject
from . import random_device, random_dropout, random_kernels
from .random_statistics import assert_distribution, assert_mean, assert_no_overlap

__all__ = ["cases"]


def cases(subject: Subject) -> Iterator[Case]:
    """Seeds, states, distributions and dropout; then the kernels of the group ``random``."""
    runs = (_seeded, _distribution, _ranges, _moments, _state, _forked, _generators, _threads)
    for run in (*runs, *random_dropout.CASES):
        yield Case(f"randomness/{run.__name__.strip('_')}", run, "system", dtype="float32")
    yield from random_device.cases(subject)
    yield from random_kernels.cases(subject)


def _draws(subject: Subject, generator: Any = None) -> dict[str, Callable[[], Any]]:
    import dlf
    from dlf.nn import functional as F

    d, g = subject.device, generator
    ones = subject.tensor(np.ones((5, 6), np.float32))
    draws: dict[str, Callable[[], Any]] = {
        "rand": lambda: dlf.rand(5, 6, device=d, generator=g),
        "randn": lambda: dlf.randn(5, 6, device=d, generator=g),
        "uniform_": lambda: dlf.zeros(5, 6, device=d).uniform_(-1, 1, generator=g),
        "normal_": lambda: dlf.zeros(5, 6, device=d).normal_(generator=g),
        "exponential_": lambda: dlf.zeros(5, 6, device=d).exponential_(generator=g),
    }
    if subject.claims("int64"):
        draws["randint"] = lambda: dlf.randint(0, 10**6, (5, 6), device=d, generator=g)
        draws["randperm"] = lambda: dlf.randperm(30, device=d, generator=g)
    if subject.claims("bool") and generator is None:
        draws["dropout"] = lambda: F.dropout(ones, 0.5)
    return draws


def _host(t: Any) -> Array:
    found: Array = t.cpu().numpy().copy()
    return found


def _module(subject: Subject) -> Any:
    from ...device_random import DeviceRandom

    return DeviceRandom(subject.device.type)


def _seeded(subject: Subject) -> None:
    """One seed gives one sequence; the sequence goes on, and another seed gives another."""
    import dlf

    for name, draw in _draws(subject).items():
        dlf.manual_seed(7)
        first, second = _host(draw()), _host(draw())
        dlf.manual_seed(7)
        again = _host(draw())
        dlf.manual_seed(8)
        other = _host(draw())
        assert draw().device is subject.device, name
        assert np.array_equal(first, again), f"{name}: the same seed gave other numbers"
        assert not np.array_equal(first, second), f"{name}: the same numbers twice"
        assert not np.array_equal(first, other), f"{name}: another seed gave the same numbers"


def _distribution(subject: Subject) -> None:
    """The distribution functions of 10 000 numbers, and the range of uniform ones."""
    import dlf

    from .random_statistics import normal_below

    dlf.manual_seed(3)
    uniform = _host(dlf.rand(10_000, device=subject.device))
    assert uniform.min() >= 0 and uniform.max() < 1, "rand is outside [0, 1)"
    assert_distribution(uniform, lambda x: x, "rand")
    normal = _host(dlf.randn(10_000, device=subject.device))
    assert_distribution(normal, normal_below, "randn")
    waits = _host(dlf.zeros(10_000, device=subject.device).exponential_(2.0))
    assert waits.min() > 0, "exponential_ gave 0"
    assert_distribution(waits, lambda x: 1 - np.exp(-2 * x), "exponential_")
    cauchy = _host(dlf.zeros(10_000, device=subject.device).cauchy_(1.0, 3.0))
    assert_distribution(cauchy, lambda x: 0.5 + np.arctan((x - 1) / 3) / np.pi, "cauchy_")
    log_normal = _host(dlf.zeros(10_000, device=subject.device).log_normal_(0.5, 0.75))
    assert_distribution(np.log(log_normal) / 0.75 - 0.5 / 0.75, normal_below, "log_normal_")


def _ranges(subject: Subject) -> None:
    """In every dtype the end of a range is not reached, and its start is not passed."""
    import dlf

    dlf.manual_seed(4)
    for name in ("float16", "bfloat16", "float32", "float64"):
        if subject.claims(name) and subject.native("mul"):
            empty = dlf.empty(20_000, dtype=getattr(dlf, name), device=subject.device)
            drawn = _host(empty.uniform_()).astype(np.float64)
            assert drawn.min() >= 0 and drawn.max() < 1, f"{name}: {drawn.max()} in [0, 1)"
            numbers = _host(empty.normal_(2.0, 0.5)).astype(np.float64)
            assert_mean(numbers, 2.0, 0.25, f"normal_ in {name}")
    if subject.claims("int64"):
        for low, high in ((-3, 4), (2**40, 2**40 + 3)):
            values = _host(dlf.randint(low, high, (2000,), device=subject.device))
            assert sorted(set(values.tolist())) == list(range(low, high)), f"[{low}, {high})"
        order = _host(dlf.randperm(1000, device=subject.device))
        assert sorted(order.tolist()) == list(range(1000)), "randperm is no permutation"
        assert abs(np.corrcoef(order, np.arange(1000))[0, 1]) < 0.2, "randperm is in order"


def _moments(subject: Subject) -> None:
    """Means of the distributions of few values, with probabilities that are tensors, too."""
    import dlf

    subject.need("bool", "int64")
    dlf.manual_seed(6)
    count = 20_000
    filled = dlf.empty(count, device=subject.device)
    assert_mean(_host(filled.bernoulli_(0.3)), 0.3, 0.21, "bernoulli_")
    chances = subject.tensor(np.full(count, 0.8, np.float32))
    assert_mean(_host(dlf.bernoulli(chances)), 0.8, 0.16, "bernoulli")
    trials = _host(filled.geometric_(0.4))
    assert trials.min() == 1 and np.array_equal(trials, np.round(trials)), "geometric_"
    assert_mean(trials, 2.5, 3.75, "geometric_")
    assert_mean(_host(dlf.poisson(filled.fill_(4.0))), 4.0, 4.0, "poisson")
    weights = np.tile(np.array([0.0, 1.0, 2.0, 0.0, 5.0], np.float32), (count, 1))
    for replacement in (False, True):
        drawn = _host(dlf.multinomial(subject.tensor(weights), 2, replacement))
        assert drawn.shape == (count, 2) and drawn.dtype == np.int64
        for value, share in enumerate(weights[0] / 8):
            variance = max(float(share * (1 - share)), 1e-9)
            assert_mean(drawn[:, 0] == value, float(share), variance, f"multinomial, {value}")
        assert not np.isin(drawn, (0, 3)).any(), "multinomial gave what has no weight"
        twice = bool((drawn[:, 0] == drawn[:, 1]).any())
        assert twice is replacement, "multinomial: equal indices where there may be none"


def _state(subject: Subject) -> None:
    """The generator's state, put back, gives the same numbers again."""
    module = _module(subject)
    for name, draw in _draws(subject).items():
        state = module.get_rng_state(subject.index)
        first = _host(draw())
        module.set_rng_state(state, subject.index)
        assert np.array_equal(_host(draw()), first), f"{name}: other numbers from the same state"


def _forked(subject: Subject) -> None:
    """After `fork_rng` all goes on as if nothing had been drawn in it, nor seeded."""
    import dlf
    from dlf.random import fork_rng

    draw = _draws(subject)["rand"]
    dlf.manual_seed(2)
    expected = _host(draw()), _host(draw())
    dlf.manual_seed(2)
    first = _host(draw())
    with fork_rng():
        inside = _host(draw())
        dlf.manual_seed(5)
        draw()
    assert np.array_equal(first, expected[0])
    assert np.array_equal(inside, expected[1]), "fork_rng began other numbers"
    assert np.array_equal(_host(draw()), expected[1]), "what was drawn in fork_rng is missing"


def _generators(subject: Subject) -> None:
    """Generators of one's own: one seed, one sequence; copies go on alone."""
    import dlf

    for name, draw in _draws(subject, g := dlf.Generator(subject.device).manual_seed(3)).items():
        g.manual_seed(3)
        dlf.rand(3, device=subject.device)  # from another generator
        copies = [g.clone_state(), pickle.loads(pickle.dumps(g))]
        first, second = _host(draw()), _host(draw())
        assert not np.array_equal(first, second), f"{name}: the same numbers twice"
        for copy in copies:
            assert np.array_equal(_host(_draws(subject, copy)[name]()), first), f"{name}: a copy"
        state = g.get_state()
        third = _host(draw())
        g.set_state(state)
        assert np.array_equal(_host(draw()), third), f"{name}: other numbers from the same state"
        assert g.initial_seed() == 3


def _threads(subject: Subject) -> None:
    """Threads that share a generator draw different numbers."""
    import dlf

    found: list[Array] = []

    def work() -> None:
        for _ in range(20):
            found.append(_host(dlf.rand(64, device=subject.device)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 80
    for at, drawn in enumerate(found):
        rest = np.concatenate(found[:at] + found[at + 1 :])
        assert_no_overlap(drawn, rest, "the draws of threads")
