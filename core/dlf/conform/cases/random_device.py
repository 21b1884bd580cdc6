"""Devices that draw by themselves: generators of their own, and no number from the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

import numpy as np

from ...generator import draws_itself
from ..case import Case
from ..subject import Array, Subject

__all__ = ["cases"]


def cases(subject: Subject) -> Iterator[Case]:
    """Cases for a device with the group ``random``."""
    if draws_itself(subject.device):
        for run in (_generator, _defaults, _alone, _transfers):
            name = f"randomness/device/{run.__name__.strip('_')}"
            yield Case(name, run, "system", dtype="float32")


def _host(t: Any) -> Array:
    found: Array = t.cpu().numpy().copy()
    return found


def _generator(subject: Subject) -> None:
    """Its state is seed and offset, 16 bytes; it serves this type of device and no other."""
    import dlf

    g = dlf.Generator(subject.device)
    assert g.device.type == subject.device.type and not g.on_host
    g.manual_seed(2**64 - 3)
    assert g.get_state().tolist() == [253, *[255] * 7, *[0] * 8]
    dlf.rand(9, device=subject.device, generator=g)
    assert g.get_state().tolist()[8:] == [3, *[0] * 7], "9 numbers are 3 steps of four"
    for device, generator in (("cpu", g), (subject.device, dlf.Generator())):
        try:
            dlf.rand(2, device=device, generator=generator)
        except RuntimeError as error:
            assert "device type for generator but found" in str(error), error
        else:
            raise AssertionError("a generator of another device type was taken")


def _defaults(subject: Subject) -> None:
    """``dlf.NAME`` seeds and keeps the generators of all its devices, and `manual_seed` all."""
    import dlf

    from ...device_modules import find
    from ...device_random import DeviceRandom

    module: Any = find(subject.device.type)
    assert module is not None
    count = subject.backend.device_count()
    every = DeviceRandom(subject.device.type).default_generators
    assert len(every) == count == len(set(map(id, every)))
    dlf.manual_seed(21)
    assert [each.initial_seed() for each in every] == [21] * count
    module.manual_seed_all(22)
    assert [each.initial_seed() for each in every] == [22] * count
    assert dlf.initial_seed() == 21, "the global generator is the host's"
    states = module.get_rng_state_all()
    numbers = [_host(dlf.rand(6, device=each.device)) for each in every]
    for one in numbers:
        assert np.array_equal(one, numbers[0]), "one seed, other numbers on another device"
    module.set_rng_state_all(states)
    for each, expected in zip(every, numbers, strict=True):
        assert np.array_equal(_host(dlf.rand(6, device=each.device)), expected)
    module.seed_all()
    assert len({each.initial_seed() for each in every}) == 1
    with module.device(subject.index):
        module.manual_seed(23)
        assert module.initial_seed() == 23 == every[subject.index].initial_seed()
        module.seed()
        assert module.initial_seed() == every[subject.index].initial_seed()


def _alone(subject: Subject) -> None:
    """What is drawn on the host leaves the device's numbers as they are, and the reverse."""
    import dlf

    dlf.manual_seed(1)
    expected = _host(dlf.rand(8, device=subject.device)), dlf.rand(8).numpy().copy()
    dlf.manual_seed(1)
    host = dlf.rand(8).numpy().copy()
    dlf.rand(8)
    assert np.array_equal(host, expected[1])
    assert np.array_equal(_host(dlf.rand(8, device=subject.device)), expected[0])


def _transfers(subject: Subject) -> None:
    """No draw takes an array from the host, nor gives it one."""
    import dlf
    from dlf import nn
    from dlf.nn import functional as F

    d = subject.device
    x = subject.tensor(np.ones((4, 3, 2, 2), np.float32), requires_grad=True)
    rows = subject.tensor(np.ones((4, 5), np.float32))
    draws: dict[str, Callable[[], Any]] = {
        "rand": lambda: dlf.rand(3, 4, device=d),
        "randn_like": lambda: dlf.randn_like(x),
        "randint": lambda: dlf.randint(-5, 9, (7,), device=d),
        "randperm": lambda: dlf.randperm(9, device=d),
        "normal": lambda: dlf.normal(0.5, 2.0, (3,), device=d),
        "dropout": lambda: F.dropout(x, 0.5).sum().backward(),
        "dropout2d": lambda: F.dropout2d(x, 0.5).sum().backward(),
        "alpha_dropout": lambda: F.alpha_dropout(x, 0.5, True),
        "feature_alpha_dropout": lambda: F.feature_alpha_dropout(x, 0.5, True),
        "rrelu": lambda: F.rrelu(x, training=True),
        "gumbel_softmax": lambda: F.gumbel_softmax(rows),
        "init": lambda: nn.init.kaiming_uniform_(dlf.empty(4, 5, device=d)),
        "attention": lambda: F.scaled_dot_product_attention(x, x, x, dropout_p=0.5),
    }
    filled = dlf.empty(6, device=d)
    for name, values in _FILLERS.items():
        draws[name] = partial(getattr(filled, name), *values)
    if not d.checks:
        draws["bernoulli"] = lambda: dlf.bernoulli(rows)
        draws["multinomial"] = lambda: dlf.multinomial(rows, 2)
        draws["multinomial again"] = lambda: dlf.multinomial(rows, 9, replacement=True)
    for name, draw in draws.items():
        draw()  # An op may make what it keeps in its first call.
        with _no_transfers(subject, name):
            draw()


_FILLERS: dict[str, tuple[Any, ...]] = {
    "uniform_": (-1.0, 2.0),
    "normal_": (1.0, 2.0),
    "bernoulli_": (0.25,),
    "exponential_": (2.0,),
    "cauchy_": (),
    "log_normal_": (),
    "geometric_": (0.3,),
    "random_": (),
}


@contextmanager
def _no_transfers(subject: Subject, what: str) -> Iterator[None]:
    """Within the block copies from and to the host are errors."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError(f"{what} copied an array between the host and {subject.device}")

    own = vars(subject.backend)
    before = dict(own)
    own["from_host"] = own["to_host"] = refuse
    try:
        yield
    finally:
        own.clear()
        own.update(before)
