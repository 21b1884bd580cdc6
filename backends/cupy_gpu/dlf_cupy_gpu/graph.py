"""A training step recorded once in CUDA graphs and replayed; see `dlf_cupy_gpu.recorder`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, overload

from dlf import plugin
from dlf_cupy_gpu import cuda_graph
from dlf_cupy_gpu.recorder import Recorder

__all__ = ["GraphService"]

Step = Callable[..., Any]


class GraphService(plugin.GraphService):
    """Recording steps."""

    recorder = Recorder
    CUDAGraph = cuda_graph.CUDAGraph

    @overload
    def graph(
        self,
        step: cuda_graph.CUDAGraph,
        pool: Any = None,
        stream: Any = None,
        capture_error_mode: str = "global",
    ) -> AbstractContextManager[None]: ...
    @overload
    def graph(
        self, step: Step, *, device: Any = None, warmup: int = 3, constants: bool = False
    ) -> plugin.CapturedStep: ...
    def graph(
        self,
        step: Step | cuda_graph.CUDAGraph,
        pool: Any = None,
        stream: Any = None,
        capture_error_mode: str = "global",
        *,
        device: Any = None,
        warmup: int = 3,
        constants: bool = False,
    ) -> plugin.CapturedStep | AbstractContextManager[None]:
        """`step`, recorded in CUDA graphs and replayed; or PyTorch's ``with graph(CUDAGraph()):``.

        >>> step = dlf.cuda.graph(lambda x, y: train(model, optimizer, x, y))  # doctest: +SKIP
        >>> for x, y in loader:  # doctest: +SKIP
        ...     loss = step(x, y)

        Args:
            step: a function of tensors and plain values; forward, backward and the optimizer's
                step, with gradients set to None before. It must not read from the card (`item`,
                `print`, a branch on a value), nor take data from elsewhere on the host, random
                numbers that the host draws among them. Those that the card draws are new in each
                replay, and the generators go on by as much as without a graph; within the step they
                are not seeded. A `CUDAGraph` instead makes this a context manager that records its
                block there.
            pool: of a `CUDAGraph`: one whose memory it shares, as its `pool` gave it.
            stream: of a `CUDAGraph`: what is recorded. Default: a new stream.
            capture_error_mode: accepted as in PyTorch; what cannot be recorded is an error in any
                case.
            device: the card. Default: the current one.
            warmup: calls that run as they are. Default: 3.
            constants: whether data that the step takes from the host are constants, kept as they
                are at the recording; an error otherwise.

        Raises:
            CaptureError: from the call that records, where the step does what a graph cannot
                repeat.
        """
        if isinstance(step, cuda_graph.CUDAGraph):
            return step.recording(pool, stream)
        return super().graph(step, device=device, warmup=warmup, constants=constants)
