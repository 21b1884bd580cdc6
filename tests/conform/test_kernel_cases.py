"""The kit's cases of L0 and of the primitives, and what they are made with."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from dlf.conform import Skipped, Subject
from dlf.plugin import Backend
from tests.conform.shared import Shared

MODULES = (
    "bringup",
    "data",
    "movement",
    "aliasing",
    "lookup",
    "unary",
    "binary",
    "where",
    "reduce",
    "scan",
    "contract",
    "refusal",
)


def subject(name: str, seed: int = 0) -> Subject:
    return Shared(seed) if name == "xp" else Subject(name, seed)


def failures(device: Subject, module: str) -> list[str]:
    found = []
    for case in importlib.import_module(f"dlf.conform.cases.{module}").cases(device):
        if case.dtype and not device.claims(case.dtype, case.op):
            continue
        device.start(case.name)
        try:
            case.run(device)
        except Skipped:
            continue
        except AssertionError as error:
            found.append(f"{case.name}: {error}")
    return found


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("name", ["cpu", "sim", "xp"])
def test_every_case_passes(name: str, module: str) -> None:
    found = failures(subject(name), module)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("module", ["bringup", "data", "aliasing"])
def test_cases_pass_on_a_second_device(module: str) -> None:
    found = failures(subject("sim:1"), module)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("module", ["lookup", "unary", "binary", "reduce", "scan", "contract"])
def test_cases_do_not_hang_on_the_seed(module: str) -> None:
    found = failures(subject("cpu", 12345), module)
    assert not found, "\n".join(found)


def test_every_primitive_has_cases() -> None:
    from dlf.registry import registry

    device = subject("cpu")
    count: Counter[str] = Counter()
    for module in MODULES:
        cases = importlib.import_module(f"dlf.conform.cases.{module}").cases(device)
        count.update(case.op for case in cases)
    lacking = [op.name for op in registry if op.kind == "primitive" and count[op.name] < 4]
    assert not lacking


def test_names_are_unique() -> None:
    device = subject("cpu")
    names: Counter[str] = Counter()
    for module in MODULES:
        cases = importlib.import_module(f"dlf.conform.cases.{module}").cases(device)
        names.update(case.name for case in cases)
    assert max(names.values()) == 1


class TestRefusal:
    @pytest.mark.usefixtures("strangers")
    def test_what_is_refused(self) -> None:
        assert not failures(Subject("bare"), "refusal")
        assert not failures(Subject("partial"), "refusal")

    @pytest.mark.usefixtures("strangers")
    def test_the_cases_are_those_that_are_not_claimed(self) -> None:
        names = [case.name for case in self.cases(Subject("partial"))]
        assert "refusal/float64" in names
        assert "refusal/neg/int64" in names
        assert "refusal/neg/float32" not in names
        assert "refusal/add/int64" not in names

    @pytest.mark.usefixtures("strangers")
    def test_a_kernel_that_runs_all_the_same_is_found(self) -> None:
        device = Subject("partial")
        case = next(c for c in self.cases(device) if c.name == "refusal/neg/int64")
        from dlf.registry import registry

        device.device.table[registry["neg"].slot] = np.negative
        with pytest.raises(AssertionError, match="neg of int64 ran, though"):
            case.run(device)

    @staticmethod
    def cases(device: Subject) -> list[Any]:
        from dlf.conform.cases import refusal

        return list(refusal.cases(device))


def test_a_backend_that_reuses_host_memory_is_found() -> None:
    class Sharing(Shared):
        def __init__(self) -> None:
            super().__init__()
            self.device = _Elsewhere()  # type: ignore[assignment]  # only its type is looked at

    found = failures(Sharing(), "bringup")
    assert any("after a write into the host array that it came from" in text for text in found)


class _Elsewhere:
    type = "elsewhere"


def test_a_backend_with_views_that_claims_none_is_found() -> None:
    class Claims:
        caps = type("Caps", (), {"features": frozenset()})

        def __init__(self, backend: Backend) -> None:
            self.backend = backend

        def __getattr__(self, name: str) -> Any:
            return getattr(self.backend, name)

    device = Shared()
    device.backend = Claims(device.backend)
    cases: Mapping[str, Any] = {
        case.name: case
        for case in importlib.import_module("dlf.conform.cases.aliasing").cases(device)
    }
    with pytest.raises(AssertionError, match="on a device which claims no views"):
        cases["slice/float32/aliasing"].run(device)
