"""A training step recorded once in CUDA graphs and replayed.

Replaying costs one call of the host for all kernels of a step. What Python computes is not
repeated, with one exception: `Optimizer.step` is called in each replay, between two graphs, so that
its step counts and the learning rates of a scheduler are those of that step. Random numbers are new
in each replay, as many as the step draws, from the generators that it draws from.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from dlf_cupy_gpu import capture, lazy, pinned
from dlf_cupy_gpu.devices import index_of, on
from dlf_cupy_gpu.graph_draws import Draws, Places
from dlf_cupy_gpu.memory import METER
from dlf_cupy_gpu.structure import mapped, signature, tensors

__all__ = ["CapturedStep", "GraphService", "graph"]

Step = Callable[..., Any]
Play = Callable[[], Any]


class Recorder:
    """Records what a thread queues on one card, in pieces.

    Memory comes from a pool of its own, so that nobody else is given what a replay will write.
    """

    def __init__(self, index: int, constants: bool) -> None:
        cuda = lazy.cupy().cuda
        self.index, self.constants = index, constants
        self.pool = cuda.MemoryPool()
        self.stream = cuda.Stream(non_blocking=True)
        self._side = cuda.Stream(non_blocking=True)
        self.first: list[Play] = []
        self.later: list[Play] = []
        self.kept: list[Any] = []
        self.draws = Draws()

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record what this thread queues within the block."""
        with self.stream:
            METER.use(self.pool.malloc)
            capture.begin(self)
            self.stream.begin_capture()
            try:
                with self.draws.recording():
                    yield
            except BaseException:
                self._abandon()
                raise
            finally:
                capture.end()
                METER.use(None)
            self._keep(self.stream.end_capture())

    def cut(self, later: Play | None = None) -> None:
        """End one piece and begin the next; the one that ends is replaced by `later` in all replays
        but the first.
        """
        self._keep(self.stream.end_capture(), later)
        self.stream.begin_capture()

    def _keep(self, recorded: Any, later: Play | None = None) -> None:
        self.first.append(recorded.launch)
        self.later.append(recorded.launch if later is None else later)

    def _abandon(self) -> None:
        # What ended the recording is told by the error that is on its way.
        with suppress(Exception):
            self.stream.end_capture()

    def place(self, seed: int, offset: int) -> tuple[Any, int]:
        """See `Draws.place`."""
        return self.draws.place(seed, offset)

    def constant(self, host: Any, dtype: Any, index: int) -> Any:
        """`host`'s values on the card, which every replay will find unchanged."""
        if not self.constants:
            raise capture.CaptureError(
                "data went from the host to the card while a step was being captured: every replay "
                "would see the values of now. Give the data to the step as an argument, make it "
                "before, or say dlf.cuda.graph(step, constants=True) where it never changes"
            )
        # A stream that is recorded takes no copies from the host, another one does.
        with self._side:
            made = pinned.from_host(host, dtype, index)
        self._side.synchronize()
        self.kept.append(made)
        return made


class _Captured:
    """One recording: its inputs, its results, and how it is played."""

    def __init__(self, step: Step, args: Any, index: int, constants: bool) -> None:
        from dlf.random import default_generator

        cuda = lazy.cupy().cuda
        self.inputs = mapped(lambda t: _placed(t, index), args)
        self.recorder = Recorder(index, constants)
        cuda.runtime.deviceSynchronize()
        drawn = default_generator.clone_state().get_state().tolist()
        optimizers = _optimizers()
        handles = [h for one in optimizers for h in _hooked(one, self.recorder)]
        try:
            with self.recorder.recording():
                positional, named = self.inputs
                self.output = step(*positional, **named)
        except capture.CaptureError:
            raise
        except Exception as error:
            raise capture.CaptureError(
                f"the step could not be captured: {type(error).__name__}: {error}"
            ) from error
        finally:
            for handle in handles:
                handle.remove()
        if default_generator.clone_state().get_state().tolist() != drawn:
            raise capture.CaptureError(
                "the step drew random numbers on the host, which every replay would see again; "
                "draw them outside and give them as an argument"
            )
        # The first playing is that of the call that recorded.
        self._play = self.recorder.first
        self._places: Callable[[], Places] = lambda: self.recorder.draws.starts

    def __call__(self, args: Any) -> Any:
        for mine, given in zip(tensors(self.inputs), tensors(args), strict=True):
            if mine is not given:
                _write(mine, given)
        draws = self.recorder.draws
        draws.write(self._places())
        for play in self._play:
            play()
        self._play, self._places = self.recorder.later, draws.again
        return self.output


class CapturedStep:
    """A step that runs as it is for `warmup` calls, is recorded in the next, and replayed since.

    Each call is one step. The result is that of the recording: the same tensors each time, with the
    values of this step; copy what must outlast the next one. Calls with other shapes, dtypes or
    Python values are recorded on their own.
    """

    def __init__(
        self, step: Step, device: Any = None, warmup: int = 3, constants: bool = False
    ) -> None:
        if warmup < 1:
            raise ValueError(
                f"warmup={warmup}: at least 1 call must run uncaptured, since optimizers make "
                "their state and kernels are compiled in the first"
            )
        self.step, self.device, self.warmup, self.constants = step, device, warmup, constants
        self.replays = 0
        self._calls: dict[Any, int] = {}
        self._captured: dict[Any, _Captured] = {}
        self.__doc__ = getattr(step, "__doc__", None)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = (args, kwargs)
        key = signature(given)
        found = self._captured.get(key)
        index = index_of(self.device)
        if found is None:
            calls = self._calls[key] = self._calls.get(key, 0) + 1
            if calls <= self.warmup:
                moved, named = mapped(lambda t: t.to(f"cuda:{index}"), given)
                return self.step(*moved, **named)
            with on(index):
                found = _Captured(self.step, given, index, self.constants)
            self._captured[key] = found
        else:
            self.replays += 1
        with on(index):
            return found(given)

    def reset(self) -> None:
        """Forget the recordings and their memory; the next calls record anew."""
        self._calls.clear()
        self._captured.clear()


def graph(
    step: Step, *, device: Any = None, warmup: int = 3, constants: bool = False
) -> CapturedStep:
    """`step`, recorded in CUDA graphs and replayed.

    >>> step = dlf.cuda.graph(lambda x, y: train(model, optimizer, x, y))  # doctest: +SKIP
    >>> for x, y in loader:  # doctest: +SKIP
    ...     loss = step(x, y)

    Args:
        step: a function of tensors and plain values; forward, backward and the optimizer's step,
            with gradients set to None before. It must not read from the card (`item`, `print`, a
            branch on a value), nor take data from elsewhere on the host, random numbers that the
            host draws among them. Those that the card draws are new in each replay, and the
            generators go on by as much as without a graph; within the step they are not seeded.
        device: the card. Default: the current one.
        warmup: calls that run as they are. Default: 3.
        constants: whether data that the step takes from the host are constants, kept as they are at
            the recording; an error otherwise.

    Raises:
        CaptureError: from the call that records, where the step does what a graph cannot repeat.
    """
    return CapturedStep(step, device, warmup, constants)


class GraphService:
    """Recording steps."""

    CaptureError = capture.CaptureError
    graph = staticmethod(graph)

    def is_current_stream_capturing(self) -> bool:
        """Whether this thread is recording."""
        return capture.active() is not None


def _placed(given: Any, index: int) -> Any:
    """A tensor of our own on card `index` with the values of `given`."""
    made = given.detach().to(f"cuda:{index}").clone()
    return made.requires_grad_() if given.requires_grad else made


def _write(mine: Any, given: Any) -> None:
    backend = mine.device.backend
    backend.assign(mine._data, given.detach().to(mine.device)._data)


def _optimizers() -> list[Any]:
    """All optimizers that are alive."""
    from dlf.optim import Optimizer

    return [one for one in gc.get_objects() if issubclass(type(one), Optimizer)]


def _hooked(optimizer: Any, recorder: Recorder) -> list[Any]:
    """Let the optimizer's step be a piece of its own, which Python takes over after the first.

    A gradient that the step sets to None afterwards is there again when Python needs it.
    """

    def before(_: Any, args: Any, kwargs: Any) -> None:
        if capture.active() is recorder:
            recorder.cut()

    def after(_: Any, args: Any, kwargs: Any) -> None:
        if capture.active() is not recorder:
            return
        held = [
            (p, p.grad)
            for group in optimizer.param_groups
            for p in group["params"]
            if p.grad is not None
        ]

        def again() -> None:
            now = [p.grad for p, _ in held]
            for p, grad in held:
                p.grad = grad
            optimizer.step(*args, **kwargs)
            for (p, _), grad in zip(held, now, strict=True):
                p.grad = grad

        recorder.cut(again)

    return [
        optimizer.register_step_pre_hook(before),
        optimizer.register_step_post_hook(after),
    ]
