"""What a thread queues on a card, recorded in CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dlf import plugin
from dlf_cupy_gpu import capture, lazy, pinned
from dlf_cupy_gpu.devices import on
from dlf_cupy_gpu.graph_draws import Draws, Starts
from dlf_cupy_gpu.memory import METER

__all__ = ["Recorder"]


class Recorder(plugin.Recorder):
    """Records what a thread queues on one card: a piece is a CUDA graph.

    Memory comes from a pool of its own, so that nobody else is given what a replay will write.

    Args:
        index: the card.
        constants: whether data from the host is kept as it is; an error otherwise.
        pool: a pool of another recording to share, whose replays then may overwrite each other's
            results. Default: a new one.
        stream: the stream of CuPy to record. Default: a new one.
    """

    device_type = "cuda"
    state = capture.STATE

    def __init__(
        self, index: int, constants: bool = False, pool: Any = None, stream: Any = None
    ) -> None:
        super().__init__(index, constants)
        cuda = lazy.cupy().cuda
        self.pool = pool or cuda.MemoryPool()
        with on(index):
            self.stream = stream or cuda.Stream(non_blocking=True)
            self._side = cuda.Stream(non_blocking=True)
        self.kept: list[Any] = []
        self.draws = Draws(self.places)

    @contextmanager
    def queued(self) -> Iterator[None]:
        """The stream to record is the current one, and memory comes from the pool."""
        with on(self.index), self.stream:
            METER.use(self.pool.malloc)
            try:
                yield
            finally:
                METER.use(None)

    def begin(self) -> None:
        """Begin a graph."""
        self.stream.begin_capture()

    def end(self) -> Callable[[], Any]:
        """End the graph, and give what launches it on the current stream."""
        launch: Callable[[], Any] = self.stream.end_capture().launch
        return launch

    def write(self, starts: Starts) -> None:
        """See `Draws.write`."""
        self.draws.write(starts)

    def play(self) -> None:
        """Queue what was recorded on the card's current stream."""
        with on(self.index):
            super().play()

    def place(self, seed: int, offset: int) -> tuple[Any, int]:
        """See `Draws.place`."""
        return self.draws.place(seed, offset)

    def constant(self, host: Any, dtype: Any, index: int) -> Any:
        """`host`'s values on the card, which every replay will find unchanged."""
        capture.take()
        # A stream that is recorded takes no copies from the host, another one does.
        with self._side:
            made = pinned.from_host(host, dtype, index)
        self._side.synchronize()
        self.kept.append(made)
        return made
