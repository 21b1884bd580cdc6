"""Random numbers on the device follow the seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..case import Case
from ..subject import Array, Subject

__all__ = ["cases"]


def cases(subject: Subject) -> Iterator[Case]:
    """Seeds, distributions and dropout."""
    for run in (_seeded, _distribution, _dropout, _state):
        yield Case(f"randomness/{run.__name__.strip('_')}", run, "system", dtype="float32")


def _draws(subject: Subject) -> dict[str, Callable[[], Any]]:
    import dlf
    from dlf.nn import functional as F

    d = subject.device
    ones = subject.tensor(np.ones((5, 6), np.float32))
    draws: dict[str, Callable[[], Any]] = {
        "rand": lambda: dlf.rand(5, 6, device=d),
        "randn": lambda: dlf.randn(5, 6, device=d),
        "uniform_": lambda: dlf.zeros(5, 6, device=d).uniform_(-1, 1),
        "normal_": lambda: dlf.zeros(5, 6, device=d).normal_(),
    }
    if subject.claims("int64"):
        draws["randint"] = lambda: dlf.randint(0, 10**6, (5, 6), device=d)
        draws["randperm"] = lambda: dlf.randperm(30, device=d)
    if subject.claims("bool"):
        draws["dropout"] = lambda: F.dropout(ones, 0.5)
    return draws


def _host(t: Any) -> Array:
    found: Array = t.cpu().numpy().copy()
    return found


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
    """Mean, deviation and range of 10 000 numbers; six standard errors are allowed."""
    import dlf

    dlf.manual_seed(3)
    count = 10_000
    uniform = _host(dlf.rand(count, device=subject.device))
    assert uniform.min() >= 0 and uniform.max() < 1, "rand is outside [0, 1)"
    normal = _host(dlf.randn(count, device=subject.device))
    for name, values, mean, deviation in (
        ("rand", uniform, 0.5, 12**-0.5),
        ("randn", normal, 0.0, 1.0),
    ):
        wrong = abs(values.mean(dtype=np.float64) - mean)
        assert wrong < 6 * deviation / count**0.5, f"the mean of {name} is off by {wrong}"
        ratio = values.std(dtype=np.float64) / deviation
        assert 0.9 < ratio < 1.1, f"the deviation of {name} is off by a factor of {ratio}"


def _dropout(subject: Subject) -> None:
    """Each value is dropped or scaled, and its gradient with it."""
    import dlf
    from dlf.nn import functional as F

    subject.need("bool")
    dlf.manual_seed(5)
    x = subject.tensor(np.ones((50, 60), np.float32), requires_grad=True)
    y = F.dropout(x, 0.25)
    y.sum().backward()
    values = _host(y.detach())
    assert set(np.unique(values)) <= {np.float32(0), np.float32(1 / 0.75)}, np.unique(values)
    share = float((values == 0).mean())
    assert 0.2 < share < 0.3, f"{share} of the values were dropped, expected 0.25"
    assert x.grad is not None
    assert np.array_equal(_host(x.grad), values), "gradient and result drop different values"
    assert np.array_equal(_host(F.dropout(x.detach(), 0.25, training=False)), np.ones((50, 60)))


def _state(subject: Subject) -> None:
    """The generator's state, put back, gives the same numbers again."""
    import dlf

    for name, draw in _draws(subject).items():
        state = dlf.get_rng_state()
        first = _host(draw())
        dlf.set_rng_state(state)
        assert np.array_equal(_host(draw()), first), f"{name}: other numbers from the same state"
