"""Recorded steps: each call is one step, as if Python ran it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..close import assert_close, assert_same
from ..subject import Subject
from .service import service
from .service_values import values

__all__ = ["CASES"]


def _graph(subject: Subject, step: Callable[..., Any], warmup: int = 1, **named: Any) -> Any:
    graphs = service(subject, "graphs", "graph")
    return graphs.graph(step, device=subject.index, warmup=warmup, **named)


class _Training:
    """A small model with an optimizer that has state, and a schedule of its rate."""

    def __init__(self, subject: Subject, late: bool) -> None:
        from ... import manual_seed
        from ...nn import Linear, Sequential, Tanh
        from ...optim import AdamW
        from ...optim.lr_scheduler import StepLR

        manual_seed(subject.seed)
        self.late = late
        self.model = Sequential(Linear(4, 8), Tanh(), Linear(8, 3)).to(subject.device)
        self.optimizer = AdamW(self.model.parameters(), lr=0.05)
        self.schedule = StepLR(self.optimizer, 2, 0.5)

    def step(self, x: Any, y: Any) -> Any:
        """One step; gradients go before it or, `late`, after it."""
        from ...nn import functional as F

        if not self.late:
            self.optimizer.zero_grad()
        loss = F.mse_loss(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        if self.late:
            self.optimizer.zero_grad()
        return loss

    def losses(self, step: Callable[..., Any], data: list[tuple[Any, Any]]) -> list[float]:
        """The loss of each step."""
        found = []
        for x, y in data:
            found.append(step(x, y).item())
            self.schedule.step()
        return found


def _batches(subject: Subject, count: int) -> list[tuple[Any, Any]]:
    def real(*shape: int) -> Any:
        return subject.tensor(subject.rng.uniform(-1, 1, shape).astype(np.float32))

    return [(real(5, 4), real(5, 3)) for _ in range(count)]


def _as_eager(subject: Subject) -> None:
    """Losses, parameters, step counts and scheduled rates are those of the step itself."""
    data = _batches(subject, 8)
    for late in (False, True):
        eager, other = _Training(subject, late), _Training(subject, late)
        captured = _graph(subject, other.step, warmup=2)
        expected = eager.losses(eager.step, data)
        got = other.losses(captured, data)
        assert captured.replays == len(data) - 3, f"{captured.replays} replays"
        assert_close(np.array(got, np.float32), np.array(expected), "float32", "losses")
        for p, q in zip(eager.model.parameters(), other.model.parameters(), strict=True):
            theirs = p.detach().cpu().numpy().astype(np.float64)
            assert_close(q.detach().cpu().numpy(), theirs, "float32", "parameters")
        steps = [one["step"] for one in other.optimizer.state_dict()["state"].values()]
        assert all(int(one) == len(data) for one in steps), f"the optimizer counted {steps}"


def _inputs(subject: Subject) -> None:
    """Each call uses its own inputs, which may be on the host and inside of containers."""
    from ... import from_numpy

    captured = _graph(subject, lambda pair, scale: {"out": [pair["a"] * scale + pair["b"]]})
    for at in range(5):
        host = values(subject, "float32", (3, 4))
        place = subject.tensor if at % 2 else from_numpy
        out = captured({"a": place(host), "b": subject.tensor(host)}, scale=2)["out"][0]
        assert out.device is subject.device
        assert_same(out.cpu().numpy(), host * 3, f"call {at}")
    assert captured.replays == 3


def _inputs_stay(subject: Subject) -> None:
    """A step that writes its input in place does not write the caller's."""
    host = values(subject, "float32", (4,))

    def step(x: Any) -> Any:
        return (x * 2).add_(1)

    captured = _graph(subject, step)
    x = subject.tensor(host)
    for _ in range(4):
        assert_same(captured(x).cpu().numpy(), host * 2 + 1, "result")
    assert_same(x.cpu().numpy(), host, "the caller's input")


def _state(subject: Subject) -> None:
    """What a step writes in place is written once a call."""
    total = subject.tensor(np.zeros(3, np.float32))
    captured = _graph(subject, lambda x: total.add_(x))
    for at in range(6):
        captured(subject.tensor(np.full(3, at, np.float32)))
    assert_same(total.cpu().numpy(), np.full(3, 15, np.float32), "the sum over all calls")


def _anew(subject: Subject) -> None:
    """Other shapes and other plain values are recorded on their own; the old ones stay."""
    captured = _graph(subject, lambda x, scale: x * scale)
    for size in (3, 4, 3, 4, 3, 4, 3):
        for scale in (2, 3.0):
            host = values(subject, "float32", (size,))
            got = captured(subject.tensor(host), scale)
            assert_same(got.cpu().numpy(), host * np.float32(scale), f"{size} times {scale}")
    assert captured.replays == 2 * 3, f"{captured.replays} replays"


def _reset(subject: Subject) -> None:
    """After `reset` the step runs and is recorded anew, with what has changed."""
    factor = [2.0]
    captured = _graph(subject, lambda x: x * factor[0])
    host = values(subject, "float32", (4,))
    x = subject.tensor(host)
    for _ in range(3):
        captured(x)
    factor[0] = 5.0
    assert_same(captured(x).cpu().numpy(), host * 2, "a replay does not run Python")
    replays = captured.replays
    captured.reset()
    for at in range(3):
        assert_same(captured(x).cpu().numpy(), host * 5, f"call {at} after reset")
    assert captured.replays == replays + 1


def _refusals(subject: Subject) -> None:
    """What a replay could not repeat is an error of the call that records; all goes on after it."""
    from ... import from_numpy

    graphs = service(subject, "graphs", "graph", "CaptureError", "is_current_stream_capturing")
    host = values(subject, "float32", (4,))

    def failing(x: Any, calls: list[int] = []) -> Any:  # noqa: B006  # it counts the calls
        calls.append(0)
        if len(calls) > 1:
            raise KeyError("mine")
        return x

    steps: dict[str, Callable[[Any], Any]] = {
        "reading a value": lambda x: x.sum().item(),
        "a branch on a value": lambda x: x if (x > 100).any() else -x,
        "a shape that depends on values": lambda x: x.nonzero(),
        "a copy to the host": lambda x: x.cpu(),
        "data from the host": lambda x: x + from_numpy(host).to(x.device),
        "an exception": failing,
    }
    for name, step in steps.items():
        captured = _graph(subject, step)
        captured(subject.tensor(host))
        try:
            captured(subject.tensor(host))
        except graphs.CaptureError as error:
            assert isinstance(error, RuntimeError)
        else:
            raise AssertionError(f"{name} was recorded")
        assert not graphs.is_current_stream_capturing(), f"still recording after {name}"
        assert_same((subject.tensor(host) + 1).cpu().numpy(), host + 1, f"after {name}")
    try:
        _graph(subject, lambda x: x, warmup=0)
    except ValueError as error:
        assert "warmup" in str(error)
    else:
        raise AssertionError("warmup=0 was taken")


def _constants(subject: Subject) -> None:
    """With `constants` what the step takes from the host stays as it was at the recording."""
    from ... import tensor

    captured = _graph(
        subject, lambda x: x + tensor([1.0, 2.0, 3.0], device=x.device), constants=True
    )
    for at in range(4):
        x = subject.tensor(np.full(3, at, np.float32))
        expected = np.array([at + 1, at + 2, at + 3], np.float32)
        assert_same(captured(x).cpu().numpy(), expected, f"call {at}")


def _recording(subject: Subject) -> None:
    """Python runs in the warm-up and the recording, which knows that it is one."""
    graphs = service(subject, "graphs", "graph", "is_current_stream_capturing")
    seen = []

    def step(x: Any) -> Any:
        seen.append(graphs.is_current_stream_capturing())
        return x + 1

    captured = _graph(subject, step, warmup=2)
    for _ in range(6):
        captured(subject.tensor(np.ones(2, np.float32)))
    assert seen == [False, False, True], seen


CASES = (
    _as_eager,
    _inputs,
    _inputs_stay,
    _state,
    _anew,
    _reset,
    _refusals,
    _constants,
    _recording,
)
