"""Faults that kernels could have, planted to show that the conformance kit finds them.

Each is an error that a real backend has had or could have: a wrong axis, NaN lost in a maximum, a
scan that begins anew in every block, a launch on a stream that nobody waits for. `score` plants
them one at a time in a device's own kernels and runs the cases until one fails. A fault that no
case finds is a hole in the kit.

>>> all(verdict.caught for verdict in score("cpu", only="maximum/*"))
True
"""

from __future__ import annotations

from .fault import Fault, Hands, Verdict
from .scoring import score
from .tables import planted

__all__ = ["Fault", "Hands", "Verdict", "planted", "score"]
