"""The service ``"graphs"`` of a backend that has a `Recorder`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from . import state
from .recorder import Recorder
from .step import CapturedStep

__all__ = ["GraphService"]


class GraphService:
    """Recording steps, as `dlf.plugin.services.Graphs` says. A backend derives its own.

    Attributes:
        recorder: the backend's class derived from `Recorder`.
    """

    recorder: ClassVar[type[Recorder]]
    CaptureError = state.CaptureError

    def graph(
        self,
        step: Callable[..., Any],
        *,
        device: Any = None,
        warmup: int = 3,
        constants: bool = False,
    ) -> CapturedStep:
        """`step`, which runs as it is `warmup` times, is recorded, and then replayed."""
        return CapturedStep(step, device, warmup, constants, self.recorder)

    def is_current_stream_capturing(self) -> bool:
        """Whether this thread is recording."""
        return self.recorder.state.active() is not None
