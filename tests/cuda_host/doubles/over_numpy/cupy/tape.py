"""What a stand-in's stream is recording: functions that do again what was called."""

from __future__ import annotations

_recorded = None
_handle = 0


def recording():
    """Whether the current stream is the one that records."""
    if _recorded is None:
        return False
    from .cuda.streams import get_current_stream

    return get_current_stream().ptr == _handle


def record(again):
    if recording():
        _recorded.append(again)


def refuse(what):
    if recording():
        raise RuntimeError(f"the current stream is capturing, so {what} transfers are disallowed")


def begin(handle):
    global _recorded, _handle
    if _recorded is not None:
        raise RuntimeError("cudaErrorIllegalState: already capturing")
    _recorded, _handle = [], handle


def end():
    global _recorded
    if _recorded is None:
        raise RuntimeError("cudaErrorIllegalState: not capturing")
    done, _recorded = _recorded, None
    return done
