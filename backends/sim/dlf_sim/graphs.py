"""A step recorded once and replayed: the queued work is kept and queued again.

What Python computes is not repeated, with one exception: `Optimizer.step` is called in each replay,
so that its step counts and a scheduler's learning rates are those of that step.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from dlf_sim import capture
from dlf_sim.memory import index_of
from dlf_sim.streams import current_stream, stream, synchronize
from dlf_sim.tape import Tape

__all__ = ["CapturedStep", "GraphService"]

Step = Callable[..., Any]
Play = Callable[[], object]


class _Captured:
    """One recording: its inputs, its results, and how it is played."""

    def __init__(self, step: Step, given: Any, index: int, constants: bool) -> None:
        self.inputs = _mapped(lambda t: _placed(t, index), given)
        self.tape = Tape(index, constants)
        self.first: list[Play] = []
        self.later: list[Play] = []
        synchronize()  # What was queued before needs no order with what is recorded.
        before = _drawn()
        handles = [handle for one in _optimizers() for handle in self._hooked(one)]
        capture.recording(self.tape)
        try:
            with stream(self.tape), self.tape.draws.recording():
                positional, named = self.inputs
                self.output = step(*positional, **named)
        except capture.CaptureError:
            raise
        except Exception as error:
            raise capture.CaptureError(
                f"the step could not be recorded: {type(error).__name__}: {error}"
            ) from error
        finally:
            capture.recording(None)
            for handle in handles:
                handle.remove()
        if _drawn() != before:
            raise capture.CaptureError(
                "the step drew random numbers on the host, which every replay would see again; "
                "draw them outside and give them as an argument"
            )
        self._cut()
        # The first playing is that of the call that recorded.
        self._plays = self.first

    def _cut(self, later: Play | None = None) -> None:
        """End a piece; in all replays but the first, `later` stands in its place."""
        play = self.tape.cut()
        self.first.append(play)
        self.later.append(play if later is None else later)

    def _hooked(self, optimizer: Any) -> list[Any]:
        """Let the optimizer's step be a piece of its own, which Python takes over after the first.

        A gradient that the step sets to None afterwards is there again when Python needs it.
        """

        def before(_: Any, args: Any, kwargs: Any) -> None:
            if capture.active() is self.tape:
                self._cut()

        def after(_: Any, args: Any, kwargs: Any) -> None:
            if capture.active() is not self.tape:
                return
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            held = [(p, p.grad) for p in parameters if p.grad is not None]

            def again() -> None:
                now = [p.grad for p, _ in held]
                for p, grad in held:
                    p.grad = grad
                optimizer.step(*args, **kwargs)
                for (p, _), grad in zip(held, now, strict=True):
                    p.grad = grad

            self._cut(again)

        return [
            optimizer.register_step_pre_hook(before),
            optimizer.register_step_post_hook(after),
        ]

    def __call__(self, given: Any) -> Any:
        for mine, theirs in zip(_tensors(self.inputs), _tensors(given), strict=True):
            source = theirs.detach().to(mine.device)
            mine.device.backend.assign(mine._data, source._data)
        self.tape.draws.begin(current_stream(self.tape.index), self._plays is self.first)
        for play in self._plays:
            play()
        self._plays = self.later
        return self.output


class CapturedStep:
    """See `dlf.plugin.services.Captured`."""

    def __init__(self, step: Step, device: Any, warmup: int, constants: bool) -> None:
        if warmup < 1:
            raise ValueError(
                f"warmup={warmup}: at least 1 call must run unrecorded, since optimizers make "
                "their state in the first"
            )
        self.step, self.warmup, self.constants = step, warmup, constants
        self.index, self.replays = index_of(device), 0
        self._calls: dict[Any, int] = {}
        self._captured: dict[Any, _Captured] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """One step."""
        given = (args, kwargs)
        key = _signature(given)
        found = self._captured.get(key)
        if found is None:
            calls = self._calls[key] = self._calls.get(key, 0) + 1
            if calls <= self.warmup:
                positional, named = _mapped(lambda t: t.to(f"sim:{self.index}"), given)
                return self.step(*positional, **named)
            found = self._captured[key] = _Captured(self.step, given, self.index, self.constants)
        else:
            self.replays += 1
        return found(given)

    def reset(self) -> None:
        """Forget the recordings; the next calls warm up anew."""
        self._calls.clear()
        self._captured.clear()


class GraphService:
    """Recording steps; see `dlf.plugin.services.Graphs`."""

    CaptureError = capture.CaptureError

    def graph(
        self, step: Step, *, device: Any = None, warmup: int = 3, constants: bool = False
    ) -> CapturedStep:
        """`step`, recorded after `warmup` calls and replayed."""
        return CapturedStep(step, device, warmup, constants)

    def is_current_stream_capturing(self) -> bool:
        """Whether this thread is recording."""
        return capture.active() is not None


def _drawn() -> Any:
    """The state of the host's random numbers."""
    from dlf.random import default_generator

    return default_generator.clone_state().get_state().tolist()


def _optimizers() -> list[Any]:
    """All optimizers that are alive."""
    from dlf.optim import Optimizer

    return [one for one in gc.get_objects() if issubclass(type(one), Optimizer)]


def _placed(given: Any, index: int) -> Any:
    """A tensor of our own on device `index` with the values of `given`."""
    made = given.detach().to(f"sim:{index}").clone()
    return made.requires_grad_() if given.requires_grad else made


def _mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """`value` with each tensor in its tuples, lists and dictionaries replaced."""
    from dlf.tensor import Tensor

    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, dict):
        return {key: _mapped(function, one) for key, one in value.items()}
    if type(value) in (tuple, list):
        return type(value)(_mapped(function, one) for one in value)
    return value


def _tensors(value: Any) -> list[Any]:
    """The tensors in `value`, in order."""
    found: list[Any] = []
    _mapped(found.append, value)
    return found


def _signature(value: Any) -> str:
    """What two values share that a recording with the one fits the other."""
    form = _mapped(lambda t: (t.shape, t.dtype, t.requires_grad), value)
    return repr(form)
