"""The services of `sim`: pinned memory that shows a missing wait, and recorded steps."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import dlf
import dlf_sim
from dlf import nn
from dlf_sim import pinned
from dlf_sim.backend import SimBackend

PINNED: Any = SimBackend.services["pinned"]
FLOAT = dlf.float32


def test_fresh_memory_is_rubbish() -> None:
    """Whoever reads a result too early does not see zeros, nor what was there before."""
    first = pinned.empty((4,), np.float32)
    first[...] = 1
    del first
    gc.collect()
    again = pinned.empty((4,), np.float32)
    assert not np.isin(again, (0, 1)).any()


def test_memory_comes_back() -> None:
    before = len(pinned._live)
    held = [PINNED.pin(np.ones(5)) for _ in range(3)]
    view = held[0][1:3]
    assert len(pinned._live) == before + 3
    held.clear()
    gc.collect()
    assert len(pinned._live) == before + 1
    assert view.tolist() == [1, 1]
    place = view.ctypes.data - 8
    del view
    assert len(pinned._live) == before
    assert place in {PINNED.pin(np.ones(5)).ctypes.data for _ in range(1)}, "memory is used anew"


def test_is_pinned() -> None:
    held = PINNED.pin(np.ones((3, 4)))
    assert PINNED.is_pinned(held[1:, ::2])
    assert PINNED.is_pinned(held[2, 3:])
    assert not PINNED.is_pinned(held[:0])
    assert not PINNED.is_pinned(held.copy())


def test_what_is_refused() -> None:
    plain = np.ones(3, np.float32)
    there = PINNED.copy_to_device(PINNED.pin(plain), FLOAT, 0)
    with pytest.raises(RuntimeError, match="not in pinned memory"):
        PINNED.copy_to_device(plain, FLOAT, 0)
    with pytest.raises(RuntimeError, match="not in pinned memory"):
        PINNED.copy_to_host(there, plain)
    for wrong in (np.ones(2, np.float32), np.ones(3)):
        with pytest.raises(ValueError, match="expected shape"):
            PINNED.copy_to_host(there, PINNED.pin(wrong))


def test_copies_are_late_and_in_order() -> None:
    held = PINNED.pin(np.zeros(2, np.float32))
    there = PINNED.copy_to_device(held, FLOAT, 1)
    held[...] = 3
    back, event = PINNED.copy_to_host(there)
    SimBackend().assign(there, SimBackend().from_host(np.ones(2, np.float32), FLOAT, 1))
    assert not event.query()
    event.synchronize()
    assert back.tolist() == [3, 3]
    assert not dlf_sim.current_stream(1).query(), "only what was before the event is done"
    dlf_sim.synchronize(1)


def test_copies_of_another_stream_need_a_wait() -> None:
    side = dlf_sim.Stream(0)
    with dlf_sim.stream(side):
        there = PINNED.copy_to_device(PINNED.pin(np.zeros(2, np.float32)), FLOAT, 0)
    with pytest.raises(dlf_sim.StreamOrderError):
        PINNED.copy_to_host(there)
    dlf_sim.current_stream().wait_stream(side)
    back, event = PINNED.copy_to_host(there)
    event.synchronize()
    assert back.tolist() == [0, 0]


def test_an_error_before_a_copy_is_heard() -> None:
    zero = dlf.zeros(2, dtype=dlf.int64, device="sim")
    back = (zero // zero).to("cpu", non_blocking=True)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        dlf.sim.synchronize()
    assert back.is_pinned()


# ------------------------------------------------------------------ recorded steps
def test_nothing_runs_while_recording() -> None:
    """What is recorded is done once the recording is played, in the stream of the call."""
    total = dlf.zeros(1, device="sim")
    step = dlf.sim.graph(lambda x: total.add_(x), warmup=1)
    x = dlf.ones(1, device="sim")
    for n in range(1, 5):
        out = step(x)
        assert not dlf.sim.current_stream().query()
        assert out.tolist() == total.tolist() == [n]


def test_other_streams_wait_for_a_replay() -> None:
    step = dlf.sim.graph(lambda x: x * 2, warmup=1)
    x = dlf.ones(2, device="sim")
    step(x), step(x)
    dlf.sim.synchronize()
    side = dlf.sim.Stream()
    with dlf.sim.stream(side):
        out = step(x)
    with pytest.raises(dlf_sim.StreamOrderError):
        out + 1
    dlf.sim.current_stream().wait_stream(side)
    assert (out + 1).tolist() == [3, 3]


def test_two_optimizers() -> None:
    """Each is a piece of its own, and is called in the order of the step."""

    def made() -> tuple[Any, Any]:
        weights = [dlf.ones(2, device="sim").requires_grad_() for _ in range(2)]
        optimizers = [
            dlf.optim.SGD([weights[0]], lr=0.1, momentum=0.5),
            dlf.optim.Adam([weights[1]], lr=0.1),
        ]

        def step(x: Any) -> Any:
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss = ((weights[0] * weights[1] - x) ** 2).sum()
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
            return loss

        return weights, step

    weights, step = made()
    twins, other = made()
    captured = dlf.sim.graph(other, warmup=1)
    for k in range(6):
        x = dlf.full((2,), float(k), device="sim")
        assert captured(x).item() == step(x).item()
    for a, b in zip(weights, twins, strict=True):
        assert dlf.equal(a.cpu(), b.cpu())
        assert dlf.equal(a.grad.cpu(), b.grad.cpu())


def test_memory_of_a_recording_comes_back() -> None:
    model = nn.Linear(64, 64).to("sim")
    step = dlf.sim.graph(lambda x: model(x).relu(), warmup=1)
    x = dlf.ones(8, 64, device="sim")
    gc.collect()
    before = dlf.sim.memory_allocated()
    with dlf.no_grad():
        for _ in range(3):
            step(x)
    dlf.sim.synchronize()
    assert dlf.sim.memory_allocated() > before
    step.reset()
    gc.collect()
    assert dlf.sim.memory_allocated() == before


def test_refusals_leave_no_hooks() -> None:
    weight = dlf.ones(1, device="sim").requires_grad_()
    optimizer = dlf.optim.SGD([weight], lr=0.1)
    step = dlf.sim.graph(lambda x: (x * weight).sum().item(), warmup=1)
    x = dlf.ones(1, device="sim")
    step(x)
    for what in ("a value was read from the device", "a value was read from the device"):
        with pytest.raises(dlf.sim.CaptureError, match=what):
            step(x)
    assert not optimizer._step_pre_hooks
    assert not optimizer._step_post_hooks


def test_what_a_recording_cannot_repeat() -> None:
    held = dlf.ones(2).pin_memory("sim")
    steps = {
        "the device was synchronised": lambda x: dlf.sim.synchronize(),
        "copied to another device": lambda x: x.to("sim:1"),
        "copied to the host": lambda x: x.to("cpu", non_blocking=True),
        "went from the host": lambda x: x + held.to("sim", non_blocking=True),
    }
    for what, function in steps.items():
        step = dlf.sim.graph(function, warmup=1)
        x = dlf.ones(2, device="sim")
        step(x)
        with pytest.raises(dlf.sim.CaptureError, match=what):
            step(x)
