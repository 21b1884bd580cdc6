"""A step recorded once and replayed: what all backends have in common of ``dlf.NAME.graph(step)``.

::

    captured(x, y) ─ CapturedStep   warm-up: step(x, y) as it is
          │                         one recording for each `signature` of the arguments
          ▼
      Captured      own tensors, to which the arguments' values are written; the results
          │
          ▼
      Recorder      recording: step ─▶ piece │ Optimizer.step ─▶ piece │ ... ─▶ piece
          │                      (what `queued`, `begin` and `end` of the backend keep of it)
          │         play:      write(places) ─▶ piece() ─▶ optimizer.step() ─▶ ... ─▶ piece()
          ▼
      Places        how many random numbers the step draws from which generator, so that
                    each replay draws as many new ones

What Python computes is not repeated, with one exception: `Optimizer.step` is called in each replay
in the place of its piece, so that its step counts and the learning rates of a scheduler are those
of that step.

A backend writes a `Recorder`, makes its service ``"graphs"`` of it with `GraphService`, and lets
what may not run while a step is captured ask its `CaptureState`. They are found in `dlf.plugin`.
"""

from __future__ import annotations

from .places import Places
from .recorder import Recorder
from .service import GraphService
from .state import CaptureError, CaptureState
from .step import CapturedStep

__all__ = [
    "CaptureError",
    "CaptureState",
    "CapturedStep",
    "GraphService",
    "Places",
    "Recorder",
]
