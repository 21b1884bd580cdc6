"""A training step recorded once in CUDA graphs and replayed; see `dlf_cupy_gpu.recorder`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, overload

from dlf_cupy_gpu import capture
from dlf_cupy_gpu.cuda_graph import CUDAGraph
from dlf_cupy_gpu.devices import index_of, on
from dlf_cupy_gpu.recorder import Recorder
from dlf_cupy_gpu.structure import mapped, signature, tensors

__all__ = ["CapturedStep", "GraphService", "graph"]

Step = Callable[..., Any]


class _Captured:
    """One recording: its inputs and its results."""

    def __init__(self, step: Step, args: Any, index: int, constants: bool) -> None:
        self.inputs = mapped(lambda t: _placed(t, index), args)
        self.recorder = Recorder(index, constants)
        with self.recorder.recording():
            positional, named = self.inputs
            self.output = step(*positional, **named)

    def __call__(self, args: Any) -> Any:
        for mine, given in zip(tensors(self.inputs), tensors(args), strict=True):
            if mine is not given:
                _write(mine, given)
        self.recorder.play()
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


@overload
def graph(
    step: CUDAGraph, pool: Any = None, stream: Any = None, capture_error_mode: str = "global"
) -> AbstractContextManager[None]: ...
@overload
def graph(
    step: Step, *, device: Any = None, warmup: int = 3, constants: bool = False
) -> CapturedStep: ...
def graph(
    step: Step | CUDAGraph,
    pool: Any = None,
    stream: Any = None,
    capture_error_mode: str = "global",
    *,
    device: Any = None,
    warmup: int = 3,
    constants: bool = False,
) -> CapturedStep | AbstractContextManager[None]:
    """`step`, recorded in CUDA graphs and replayed; or PyTorch's ``with graph(CUDAGraph()):``.

    >>> step = dlf.cuda.graph(lambda x, y: train(model, optimizer, x, y))  # doctest: +SKIP
    >>> for x, y in loader:  # doctest: +SKIP
    ...     loss = step(x, y)

    Args:
        step: a function of tensors and plain values; forward, backward and the optimizer's step,
            with gradients set to None before. It must not read from the card (`item`, `print`, a
            branch on a value), nor take data from elsewhere on the host, random numbers that the
            host draws among them. Those that the card draws are new in each replay, and the
            generators go on by as much as without a graph; within the step they are not seeded.
            A `CUDAGraph` instead makes this a context manager that records its block there.
        pool: of a `CUDAGraph`: one whose memory it shares, as its `pool` gave it.
        stream: of a `CUDAGraph`: what is recorded. Default: a new stream.
        capture_error_mode: accepted as in PyTorch; what cannot be recorded is an error in any case.
        device: the card. Default: the current one.
        warmup: calls that run as they are. Default: 3.
        constants: whether data that the step takes from the host are constants, kept as they are at
            the recording; an error otherwise.

    Raises:
        CaptureError: from the call that records, where the step does what a graph cannot repeat.
    """
    if isinstance(step, CUDAGraph):
        return step.recording(pool, stream)
    return CapturedStep(step, device, warmup, constants)


class GraphService:
    """Recording steps."""

    CaptureError = capture.CaptureError
    CUDAGraph = CUDAGraph
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
