"""`Result`: what became of a case."""

from __future__ import annotations

import linecache
import traceback
from dataclasses import dataclass

from .case import Case, Skipped

__all__ = ["STATUSES", "Result", "detail", "reason"]

STATUSES = {
    "passed": "as it should be",
    "failed": "wrong",
    "skipped": "does not apply to the device, or is not claimed by it",
    "xfailed": "wrong, as expected",
    "xpassed": "expected to be wrong, and right",
}
_LONGEST = 240


@dataclass(frozen=True, slots=True)
class Result:
    """What became of `case`.

    Args:
        case: the case.
        status: one of `STATUSES`.
        reason: one line that says why, where the case did not pass.
        seconds: how long it took.
        detail: the message and the traceback in full, where the case failed.
    """

    case: Case
    status: str
    reason: str = ""
    seconds: float = 0.0
    detail: str = ""

    @property
    def bad(self) -> bool:
        """Whether it keeps the device from conforming."""
        return self.status in ("failed", "xpassed")


def reason(error: BaseException) -> str:
    """What `error` says, in one line that a terminal can show.

    A bare ``assert`` says nothing, so its source line is shown instead.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines)
    if isinstance(error, Skipped):
        text = text or "does not apply"
    elif isinstance(error, AssertionError):
        text = text or _source(error)
    else:
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def detail(error: BaseException) -> str:
    """`error` with its traceback, from the case on."""
    frames = error.__traceback__.tb_next if error.__traceback__ else None
    return "".join(traceback.format_exception(type(error), error, frames)).strip()


def _source(error: BaseException) -> str:
    place = error.__traceback__
    if place is None:
        return "assertion failed"
    while place.tb_next is not None:
        place = place.tb_next
    line = linecache.getline(place.tb_frame.f_code.co_filename, place.tb_lineno).strip()
    return line or "assertion failed"
