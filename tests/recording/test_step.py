"""`CapturedStep` and the service that gives it, over a recorder that keeps lists."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import dlf
from dlf.plugin import CapturedStep, CaptureError, services
from dlf.recording.structure import mapped, signature, tensors
from tests.recording.listed import Graphs, queue

GRAPHS = Graphs()


def doubled(x: dlf.Tensor, plus: float = 0.0) -> dict[str, Any]:
    """Twice `x`."""
    out = dlf.zeros(*x.shape)
    queue(lambda: out.copy_(x * 2 + plus))
    return {"out": [out]}


def test_each_call_has_its_own_values() -> None:
    step = GRAPHS.graph(doubled, warmup=2)
    found = []
    for value in range(6):
        x = dlf.full((3,), float(value))
        found.append(step(x)["out"][0])
        assert found[-1].tolist() == [2.0 * value] * 3
        assert x.tolist() == [float(value)] * 3
    assert step.replays == 3
    assert found[2] is found[5], "the results are the recording's"
    assert found[0] is not found[2]
    assert step.__doc__ == "Twice `x`."


def test_the_arguments_are_not_written() -> None:
    def step(x: dlf.Tensor) -> dlf.Tensor:
        queue(lambda: x.add_(1))
        return x

    captured = GRAPHS.graph(step, warmup=1)
    captured(dlf.ones(2))
    x = dlf.full((2,), 5.0)
    for _ in range(3):
        assert captured(x).tolist() == [6.0] * 2
        assert x.tolist() == [5.0] * 2


def test_other_arguments_are_recorded_on_their_own() -> None:
    step = GRAPHS.graph(doubled, warmup=1)
    for _ in range(3):
        for size in (2, 3):
            for plus in (1, 1.0, 2.0):
                assert step(dlf.ones(size), plus=plus)["out"][0].tolist() == [2.0 + plus] * size
    assert step.replays == 6


def test_reset_warms_up_anew() -> None:
    ran: list[int] = []

    def counted(x: dlf.Tensor) -> dlf.Tensor:
        ran.append(1)
        return x

    step = GRAPHS.graph(counted, warmup=2)
    for _ in range(5):
        step(dlf.ones(1))
    assert len(ran) == 3 and step.replays == 2
    step.reset()
    for _ in range(5):
        step(dlf.ones(1))
    assert len(ran) == 6 and step.replays == 4


def test_a_refused_step_may_be_tried_again() -> None:
    """Each further call records anew, and no recording of a step that failed is played."""
    wrong = [True]

    def step(x: dlf.Tensor) -> dlf.Tensor:
        if wrong and GRAPHS.is_current_stream_capturing():
            raise ValueError("not now")
        return doubled(x)["out"][0]

    captured = GRAPHS.graph(step, warmup=1)
    captured(dlf.ones(1))
    for _ in range(2):
        with pytest.raises(GRAPHS.CaptureError, match="ValueError: not now"):
            captured(dlf.ones(1))
        assert not GRAPHS.is_current_stream_capturing()
    wrong.clear()
    assert captured(dlf.ones(1)).tolist() == [2.0]
    assert captured(dlf.full((1,), 4.0)).tolist() == [8.0]
    assert captured.replays == 1


def test_inputs_that_require_gradients() -> None:
    seen: list[dlf.Tensor] = []
    step = GRAPHS.graph(lambda x: seen.append(x), warmup=1)
    x = dlf.ones(2, requires_grad=True)
    for _ in range(3):
        step(x)
    assert [one.requires_grad and one.is_leaf for one in seen] == [True, True]
    assert seen[0] is x and seen[1] is not x


def test_what_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="warmup=0: at least 1 call"):
        GRAPHS.graph(doubled, warmup=0)
    with pytest.raises(ValueError, match="expected a cpu device, got sim"):
        GRAPHS.graph(doubled, device="sim")(dlf.ones(1))


def test_the_current_device_is_that_of_the_call() -> None:
    step = dlf.sim.graph(lambda x: x + 1, warmup=1)
    for index in (0, 1, 0, 1, 0, 1):
        with dlf.sim.device(index):
            out = step(dlf.full((2,), float(index)))
        assert out.device.index == index and out.tolist() == [index + 1.0] * 2
    assert step.replays == 2


def test_is_the_service_of_the_protocol() -> None:
    graphs: services.Graphs = GRAPHS
    captured: services.Captured = graphs.graph(doubled)
    assert isinstance(captured, CapturedStep) and graphs.CaptureError is CaptureError
    assert dlf.sim.CaptureError is CaptureError


class Text(str):
    """Prints as other strings do."""


def test_structures() -> None:
    a, b = dlf.ones(1), dlf.zeros(2)
    value = ((a, [b, 3]), {"key": (b, "text")})
    assert list(tensors(value)) == [a, b, b]
    assert mapped(lambda t: t.shape[0], value) == ((1, [2, 3]), {"key": (2, "text")})
    assert signature(value) == signature(((a + 1, [b, 3]), {"key": (b * 2, "text")}))
    others = [
        ((a, [b, 4]), {"key": (b, "text")}),
        ((a, [b, 3.0]), {"key": (b, "text")}),
        ((a, (b, 3)), {"key": (b, "text")}),
        ((a, [b, 3]), {"other": (b, "text")}),
        ((a, [b, 3]), {"key": (b, Text("text"))}),
        ((b, [b, 3]), {"key": (b, "text")}),
        ((a.double(), [b, 3]), {"key": (b, "text")}),
        ((dlf.ones(1, requires_grad=True), [b, 3]), {"key": (b, "text")}),
    ]
    assert len({signature(value), *map(signature, others)}) == 1 + len(others)


def test_import_dlf_does_not_load_it() -> None:
    code = "import sys, dlf, dlf.plugin; assert 'dlf.recording' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
