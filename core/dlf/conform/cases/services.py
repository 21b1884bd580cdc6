"""The services that a backend has, and what needs none: the device's module, mixed precision and
copies between devices of one type.

A service is tested by the methods that it has, under PyTorch's names; a case for one that it has
not is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from ..case import Case, Skipped
from ..subject import Subject
from . import (
    service_amp,
    service_copies,
    service_devices,
    service_graphs,
    service_indices,
    service_memory,
    service_pinned,
    service_streams,
)
from .service import service

__all__ = ["cases"]


def cases(subject: Subject) -> Iterator[Case]:
    """Cases of the services that the backend has, and of the module ``dlf.NAME``."""
    for name, tests in SERVICES.items():
        if name not in _ALWAYS and name not in subject.backend.services:
            continue
        for run in tests:
            what = run.__name__.strip("_").replace("_", " ")
            yield Case(f"service/{name}/{what}", run, "service", dtype="float32")
    for name in subject.backend.services:
        if name not in SERVICES:
            run = partial(_untested, name=name)
            yield Case(f"service/{name}", run, "service")


def _untested(subject: Subject, name: str) -> None:
    raise Skipped(f"the kit has no cases for the service '{name}'; its plugin brings its own")


# ------------------------------------------------------------------ random numbers
def _seed(subject: Subject) -> None:
    """The service's seed fixes what the device draws."""
    from ... import rand

    rng = service(subject, "rng", "manual_seed")
    found = []
    for seed in (5, 5, 6):
        rng.manual_seed(seed)
        found.append(rand(20, device=subject.device).cpu().numpy())
    assert np.array_equal(found[0], found[1]), "the same seed gave other numbers"
    assert not np.array_equal(found[0], found[2]), "another seed gave the same numbers"


def _state(subject: Subject) -> None:
    """The service's state, put back, gives the same numbers again."""
    from ... import rand

    rng = service(subject, "rng", "get_rng_state", "set_rng_state")
    state = rng.get_rng_state(subject.index)
    first = rand(20, device=subject.device).cpu().numpy()
    rng.set_rng_state(state, subject.index)
    again = rand(20, device=subject.device).cpu().numpy()
    assert np.array_equal(first, again), "other numbers from the same state"


# ------------------------------------------------------------------ the module dlf.NAME
def _available(subject: Subject) -> None:
    """``dlf.NAME`` says what the probe says."""
    module = _module(subject)
    assert module.is_available()
    count = module.device_count()
    assert count == subject.backend.device_count(), f"{count} devices"
    assert 0 <= module.current_device() < count
    module.synchronize()


def _set_device(subject: Subject) -> None:
    """The name without an index means the device that `set_device` chose."""
    from ...devices import resolve

    if subject.device.type == "cpu":
        raise Skipped("there is one cpu device")
    module = _module(subject)
    for index in range(module.device_count()):
        with module.device(index):
            assert module.current_device() == index
            assert resolve(subject.device.type).index == index
    try:
        module.set_device(module.device_count())
    except RuntimeError:
        return
    raise AssertionError("a device that does not exist was chosen")


def _module(subject: Subject) -> Any:
    from ...device_modules import find

    module = find(subject.device.type)
    assert module is not None, f"there is no module dlf.{subject.device.type}"
    return module


SERVICES: dict[str, tuple[Callable[[Subject], None], ...]] = {
    "module": (_available, _set_device),
    "streams": service_streams.CASES,
    "memory": service_memory.CASES,
    "rng": (_seed, _state),
    "pinned": service_pinned.CASES + service_copies.CASES,
    "indices": service_indices.CASES,
    "amp": service_amp.CASES,
    "graphs": service_graphs.CASES,
    "devices": service_devices.CASES,
}
# Without a service core has a default, or needs none.
_ALWAYS = ("module", "indices", "amp")
