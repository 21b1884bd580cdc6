"""Fixtures of the tests of the kit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

import dlf
from dlf import dispatch
from dlf.conform import Case
from dlf.plugin import BackendSpec, Host, get_host
from tests.conform.support import Bare, Give, Partial


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The devices `bare` and `partial`."""
    host = get_host()
    cpu = host.load_backend("cpu")
    made = {
        cls.device_type: dataclasses.replace(
            cpu, spec=BackendSpec("made", cls.device_type, "x:y"), backend=cls()
        )
        for cls in (Bare, Partial)
    }
    loaded = Host.load_backend
    monkeypatch.setattr(Host, "load_backend", lambda self, t: made.get(t) or loaded(self, t))
    yield
    dispatch._prepared[:] = [one for one in dispatch._prepared if one.device.type not in made]
    for key in [key for key in dlf.device._known if key[0] in made]:
        del dlf.device._known[key]


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch) -> Give:
    """Makes the kit have these cases and no others."""

    def put(*cases: Case) -> None:
        monkeypatch.setattr("dlf.conform.cases.all_cases", lambda subject: iter(cases))

    return put
