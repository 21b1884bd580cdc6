"""`CUDAGraph`: a recording in the hands of its user, as PyTorch has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dlf_cupy_gpu.devices import index_of
from dlf_cupy_gpu.recorder import Recorder

__all__ = ["CUDAGraph"]


class CUDAGraph:
    """What a block queued, to be played again over the same tensors.

    >>> g = dlf.cuda.CUDAGraph()  # doctest: +SKIP
    >>> with dlf.cuda.graph(g):  # doctest: +SKIP
    ...     y = model(x)
    >>> x.copy_(batch); g.replay()  # doctest: +SKIP

    Recording computes nothing: results have their values after the first `replay`. Run the block a
    few times before, so that kernels are compiled and optimizers have their state. What it must not
    do is said at `dlf.cuda.graph`.

    Args:
        keep_graph: accepted as in PyTorch.
    """

    def __init__(self, keep_graph: bool = False) -> None:
        self._recorder: Recorder | None = None

    @contextmanager
    def recording(self, pool: Any = None, stream: Any = None) -> Iterator[None]:
        """Record the ``with`` block. See `dlf.cuda.graph`.

        RuntimeError if something was recorded before and not `reset`.
        """
        if self._recorder is not None:
            raise RuntimeError("this CUDAGraph has recorded already: call reset(), or make another")
        index = index_of(None if stream is None else stream.device)
        recorder = Recorder(index, False, pool, None if stream is None else stream.native)
        with recorder.recording():
            yield
        self._recorder = recorder

    def replay(self) -> None:
        """Queue what was recorded on the current stream; RuntimeError if nothing was."""
        self._recorded("replay").play()

    def pool(self) -> Any:
        """The pool that its memory comes from, for other recordings that may share it."""
        return self._recorded("pool").pool

    def reset(self) -> None:
        """Forget the recording; its memory goes with the tensors that lie in it."""
        self._recorder = None

    def _recorded(self, name: str) -> Recorder:
        if self._recorder is None:
            raise RuntimeError(f"{name}: nothing was recorded; do so in `with dlf.cuda.graph(g):`")
        return self._recorder
