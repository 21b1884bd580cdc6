"""Whether this thread is capturing a step, which those that may not run in one ask."""

from __future__ import annotations

from dlf.plugin import CaptureError, CaptureState

__all__ = ["STATE", "CaptureError", "active", "begin", "end", "take"]

STATE = CaptureState()

active, begin, end, take = STATE.active, STATE.begin, STATE.end, STATE.take
