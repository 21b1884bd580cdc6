"""Copies from one card to another, without the host."""

from __future__ import annotations

from typing import Any

from dlf_cupy_gpu import capture
from dlf_cupy_gpu.devices import on
from dlf_cupy_gpu.streams import current_stream

__all__ = ["to_index"]


def to_index(a: Any, index: int) -> Any:
    """A copy of `a` on card `index`, queued on that card's current stream; the host does not wait.

    The streams of both cards wait for one another: the copy comes after what computes `a`, and what
    writes `a`'s memory later, as an array of its own or another one's, comes after the copy. Where
    the cards reach each other's memory, CuPy lets them; else the driver goes its own way.
    """
    if capture.active():
        raise capture.CaptureError(
            "a copy to another card was asked for while a step is being captured, which is "
            "recorded on one: copy outside of the step"
        )
    source = a.data.device_id
    with on(source):
        # Before the streams meet: CuPy would gather the elements after it, when nobody waits.
        rows = a if a.flags.c_contiguous else a.copy()
    giving, taking = current_stream(source), current_stream(index)
    taking.wait_stream(giving)
    with on(index):
        made = rows.copy()
    giving.wait_stream(taking)
    return made
