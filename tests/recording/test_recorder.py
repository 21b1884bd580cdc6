"""What every `Recorder` has: pieces, optimizers' steps, and errors that leave nothing behind."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import dlf
from dlf.plugin import CaptureError, CaptureState
from dlf.recording.optimizers import hooked
from tests.recording.listed import STATE, Listed, queue


def weighted(size: int = 2) -> tuple[dlf.Tensor, Any]:
    """A weight with a gradient of ones, and its optimizer."""
    weight = dlf.zeros(size, requires_grad=True)
    weight.grad = dlf.ones(size)
    return weight, dlf.optim.SGD([weight], lr=1.0)


def test_pieces_are_played_in_order() -> None:
    done: list[int] = []
    recorder = Listed(0)
    with recorder.recording():
        queue(lambda: done.append(1))
        recorder.cut()
        queue(lambda: done.append(2))
    assert not done
    recorder.play()
    recorder.play()
    assert done == [1, 2, 1, 2]
    assert recorder.log == ["queued", "begin", "end", "begin", "end", "left", (), ()]


def test_the_device_is_ready_before() -> None:
    code = """
import dlf
from tests.recording.listed import Listed

class OnSim(Listed):
    device_type = "sim"

assert not dlf.sim.is_initialized()
with OnSim(0).recording():
    assert dlf.sim.is_initialized()
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_a_piece_may_be_replaced_after_the_first_playing() -> None:
    done: list[str] = []
    recorder = Listed(0)
    with recorder.recording():
        queue(lambda: done.append("recorded"))
        recorder.cut(lambda: done.append("later"))
        queue(lambda: done.append("rest"))
    for _ in range(3):
        recorder.play()
    assert done == ["recorded", "rest", "later", "rest", "later", "rest"]


def test_optimizers_step_in_each_replay() -> None:
    """The step of the recording is that of the first playing; the rate is the one of the day."""
    weight, optimizer = weighted()
    recorder = Listed(0)
    with recorder.recording():
        optimizer.step()
        optimizer.zero_grad()
    assert recorder.log.count("begin") == 3
    assert weight.tolist() == [-1.0, -1.0]
    recorder.play()
    assert weight.tolist() == [-1.0, -1.0]
    for rate in (2.0, 4.0):
        optimizer.param_groups[0]["lr"] = rate
        recorder.play()
        assert weight.grad is None, "the gradient is what it was before the replay"
    assert weight.tolist() == [-7.0, -7.0]


def test_steps_outside_of_the_recording_are_no_pieces() -> None:
    """Neither those of other threads, nor any once it has ended."""
    weight, optimizer = weighted()
    recorder = Listed(0)
    with recorder.recording():
        thread = threading.Thread(target=optimizer.step)
        thread.start()
        thread.join()
    optimizer.step()
    recorder.play()
    recorder.play()
    assert recorder.log.count("begin") == 1
    assert weight.tolist() == [-2.0, -2.0]


def test_hooks_go_with_the_block() -> None:
    _, optimizer = weighted()
    with pytest.raises(KeyError), hooked(Listed(0)):
        assert optimizer._step_pre_hooks and optimizer._step_post_hooks
        raise KeyError
    assert not optimizer._step_pre_hooks and not optimizer._step_post_hooks


@pytest.mark.parametrize("error", [KeyError("mine"), CaptureError("mine"), KeyboardInterrupt()])
def test_errors_end_the_recording(error: BaseException) -> None:
    _, optimizer = weighted()
    recorder = Listed(0)
    with pytest.raises(BaseException) as caught, recorder.recording():
        assert STATE.active() is recorder
        raise error
    if isinstance(error, KeyError):
        assert isinstance(caught.value, CaptureError) and caught.value.__cause__ is error
        assert "the step could not be captured: KeyError: 'mine'" in str(caught.value)
    else:
        assert caught.value is error
    assert STATE.active() is None and recorder.work is None
    assert not optimizer._step_pre_hooks


def test_a_capture_that_does_not_begin_leaves_nothing_behind() -> None:
    class Failing(Listed):
        def begin(self) -> None:
            raise OSError("no graphs here")

    with pytest.raises(CaptureError, match="OSError: no graphs here"), Failing(0).recording():
        raise AssertionError("the block ran")
    assert STATE.active() is None


def test_a_piece_that_does_not_end_is_an_error_of_the_recording() -> None:
    class Failing(Listed):
        def end(self) -> Any:
            raise OSError("a wait is missing")

    with pytest.raises(CaptureError, match="OSError: a wait is missing"), Failing(0).recording():
        pass
    assert STATE.active() is None


def test_no_recording_within_a_recording() -> None:
    inner = Listed(0)
    refused = pytest.raises(CaptureError, match="another capture was begun")
    with refused, Listed(0).recording(), inner.recording():
        raise AssertionError("the block ran")
    assert not inner.log and STATE.active() is None


def test_what_the_host_draws_is_refused() -> None:
    with pytest.raises(CaptureError, match="random numbers on the host"), Listed(0).recording():
        dlf.rand(3)
    own = dlf.Generator().manual_seed(1)
    with Listed(0, constants=True).recording():
        dlf.rand(3, generator=own)


def test_random_numbers_go_on_by_what_the_recording_drew() -> None:
    """Each playing is told where the generators begin in it."""
    dlf.ones(1, device="sim")
    generator = dlf.Generator("sim").manual_seed(7)
    recorder = Listed(0)
    with recorder.recording():
        places = [generator._reserve(count) for count in (8, 4)]
    assert [recorder.places.find(*place) for place in places] == [(0, 0), (0, 2)]
    recorder.play()
    generator._reserve(40)
    recorder.play()
    recorder.play()
    assert recorder.log[-3:] == [((7, 0),), ((7, 13),), ((7, 16),)]


def test_state_is_of_one_thread_and_one_backend() -> None:
    other, seen = CaptureState(), []
    recorder = Listed(0)
    with recorder.recording():
        thread = threading.Thread(target=lambda: seen.append(STATE.active()))
        thread.start()
        thread.join()
        seen.append(other.active())
        assert STATE.active() is recorder
    assert seen == [None, None]


def test_refusals_say_what_was_done() -> None:
    STATE.refuse("nothing is wrong")
    STATE.take()
    refused = pytest.raises(CaptureError, match="a value was read while a step is being captured")
    with refused, Listed(0).recording():
        STATE.refuse("a value was read")
    refused = pytest.raises(CaptureError, match=r"say dlf\.cpu\.graph\(step, constants=True\)")
    with refused, Listed(0).recording():
        STATE.take()
    with Listed(0, constants=True).recording():
        STATE.take()
