"""What a thread queues on a card, recorded in CUDA graphs.

What Python computes is not repeated, with one exception: `Optimizer.step` is called in each replay,
between two graphs, so that its step counts and the learning rates of a scheduler are those of that
step. Random numbers are new in each replay, as many as the recording drew, from the same
generators.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from dlf_cupy_gpu import capture, lazy, pinned
from dlf_cupy_gpu.graph_draws import Draws
from dlf_cupy_gpu.memory import METER

__all__ = ["Recorder"]

Play = Callable[[], Any]


class Recorder:
    """Records what a thread queues on one card, in pieces.

    Memory comes from a pool of its own, so that nobody else is given what a replay will write.

    Args:
        index: the card.
        constants: whether data from the host is kept as it is; an error otherwise.
        pool: a pool of another recording to share, whose replays then may overwrite each other's
            results. Default: a new one.
        stream: the stream of CuPy to record. Default: a new one.
    """

    def __init__(self, index: int, constants: bool, pool: Any = None, stream: Any = None) -> None:
        cuda = lazy.cupy().cuda
        self.index, self.constants = index, constants
        self.pool = pool or cuda.MemoryPool()
        self.stream = stream or cuda.Stream(non_blocking=True)
        self._side = cuda.Stream(non_blocking=True)
        self.first: list[Play] = []
        self.later: list[Play] = []
        self.kept: list[Any] = []
        self.draws = Draws()
        self._played = False

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record what this thread queues within the block; nothing is computed.

        CaptureError for what a graph cannot repeat.
        """
        from dlf.devices import resolve
        from dlf.random import default_generator

        resolve(f"cuda:{self.index}")  # Kernels may not be loaded while a stream is recorded.
        lazy.cupy().cuda.runtime.deviceSynchronize()
        drawn = default_generator.clone_state().get_state().tolist()
        handles = [h for one in _optimizers() for h in _hooked(one, self)]
        try:
            with self._queued():
                yield
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

    def play(self) -> None:
        """Queue what was recorded; the first time with what Python computed in the recording."""
        self.draws.write(self.draws.again() if self._played else self.draws.starts)
        for play in self.later if self._played else self.first:
            play()
        self._played = True

    @contextmanager
    def _queued(self) -> Iterator[None]:
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
