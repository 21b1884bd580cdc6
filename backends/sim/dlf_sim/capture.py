"""Whether this thread is capturing a step, which those that may not run in one ask."""

from __future__ import annotations

from dlf.plugin import CaptureState

__all__ = ["STATE", "active", "refuse", "take"]

STATE = CaptureState()

active, refuse, take = STATE.active, STATE.refuse, STATE.take
