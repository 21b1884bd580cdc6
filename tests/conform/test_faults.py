"""The conformance kit finds the faults that are planted in kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dlf.conform.faults import Fault, Hands, Verdict, planted, score
from dlf.conform.faults.planting import NEEDS, applies, planting
from dlf.devices import device, resolve
from dlf.registry import registry

FEWEST = 60


def _negated(kernel: Callable[..., Any], hands: Hands) -> Callable[..., Any]:
    return lambda a, b: hands.up(-hands.down(kernel(a, b)))


NEGATED = Fault("add/negated", "add", _negated, "a sign")


@pytest.mark.parametrize("name", ["cpu", "sim"])
def test_every_fault_is_found(name: str) -> None:
    verdicts = score(name)
    missed = [f"{v.fault.name}: {v.fault.why}" for v in verdicts if not v.caught]
    assert not missed, "no case finds:\n" + "\n".join(missed)
    assert len(verdicts) >= FEWEST
    assert all(v.by and v.seconds > 0 for v in verdicts)


def test_faults_are_told_apart_and_explained() -> None:
    faults = planted()
    assert len({f.name for f in faults}) == len(faults) >= FEWEST
    for fault in faults:
        assert fault.why
        assert fault.needs in NEEDS
        assert "/" in fault.name


def test_each_fault_can_be_in_a_device_of_ours() -> None:
    devices = [resolve("cpu"), resolve("sim")]
    score("cpu", only="nothing")  # all ops are declared
    assert [f.name for f in planted() if not any(applies(f, d) for d in devices)] == []


@pytest.mark.parametrize("name", ["cpu", "sim"])
def test_devices_are_left_as_they_were(name: str) -> None:
    score(name, only="nothing")
    where = resolve(name)
    table, origins, own = list(where.table), list(where.origins), dict(vars(where.backend))
    verdicts = score(name, only="as*/*")
    assert len(verdicts) >= 3
    assert all(a is b for a, b in zip(table, where.table, strict=True))
    assert all(a is b for a, b in zip(origins, where.origins, strict=True))
    assert vars(where.backend) == own


def _sum(where: device) -> list[float]:
    kind = registry["add"].slot
    hands = Hands(where)
    a = hands.up(np.array([1.0, 2.0], np.float32))
    found: list[float] = hands.down(where.table[kind](a, a)).tolist()
    return found


@pytest.mark.parametrize("name", ["cpu", "sim:1"])
def test_a_fault_is_in_place_for_the_block(name: str) -> None:
    where = resolve(name)
    with planting(NEGATED, where):
        assert _sum(where) == [-2.0, -4.0]
    assert _sum(where) == [2.0, 4.0]
    with planting(NEGATED, where, right=True):
        assert _sum(where) == [2.0, 4.0]
    with pytest.raises(ZeroDivisionError), planting(NEGATED, where):
        raise ZeroDivisionError
    assert _sum(where) == [2.0, 4.0]


def test_verdicts_come_as_they_are_found() -> None:
    heard: list[Verdict] = []
    verdicts = score("cpu", only="maximum/*", seed=3, on_result=heard.append)
    assert heard == verdicts
    assert [v.fault.op for v in verdicts] == ["maximum"] * len(verdicts)
    assert all(v.caught and v.by.startswith("maximum/") for v in verdicts)


def test_a_kernel_that_is_right_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Fault("add/right", "add", lambda kernel, hands: kernel, "nothing is wrong")
    monkeypatch.setattr("dlf.conform.faults.scoring.planted", lambda: (right, NEGATED))
    verdicts = score("cpu")
    assert [v.caught for v in verdicts] == [False, True]
    assert verdicts[0].by == ""
