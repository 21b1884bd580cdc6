"""Where the host waits for a card without being asked to, counted.

`waiting(what)` stands before each place of this backend at which the host needs a value from the
card. What is asked for by name, such as `synchronize`, is not counted.
"""

from __future__ import annotations

import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from dlf_cupy_gpu import capture

__all__ = ["SynchronizationError", "WaitsService", "count_synchronizations", "waiting"]

_MODES = ("default", "warn", "error")


class SynchronizationError(RuntimeError):
    """The host waited for the card where `set_sync_debug_mode` forbids it."""


class _State(threading.local):
    mode = 0
    counters: tuple[Counter[str], ...] = ()


_state = _State()


def waiting(what: str) -> None:
    """Note that the host is about to wait for the card because of `what`."""
    if capture.active():
        raise capture.CaptureError(
            f"{what} reads from the card while a step is being captured, when nothing is computed "
            "yet: read it from the result of the captured step, or outside of it"
        )
    if not _state.mode and not _state.counters:
        return
    for counter in _state.counters:
        counter[what] += 1
    if _state.mode == 1:
        warnings.warn(f"{what} made the host wait for the card", stacklevel=3)
    elif _state.mode == 2:
        raise SynchronizationError(
            f"{what} makes the host wait for the card; dlf.cuda.set_sync_debug_mode('error') "
            "forbids it"
        )


@contextmanager
def count_synchronizations() -> Iterator[Counter[str]]:
    """Within the block, count by cause how often this thread waits for a card unasked."""
    counter: Counter[str] = Counter()
    before = _state.counters
    _state.counters = (*before, counter)
    try:
        yield counter
    finally:
        _state.counters = before


class WaitsService:
    """Finding hidden synchronization, under PyTorch's names where it has one."""

    SynchronizationError = SynchronizationError
    count_synchronizations = staticmethod(count_synchronizations)

    def set_sync_debug_mode(self, debug_mode: int | str) -> None:
        """What happens in this thread where the host waits for a card unasked.

        Args:
            debug_mode: 0 or ``"default"``: nothing; 1 or ``"warn"``: a warning; 2 or ``"error"``:
                `SynchronizationError`.
        """
        if isinstance(debug_mode, str):
            if debug_mode not in _MODES:
                raise RuntimeError(
                    f"invalid value of debug_mode: {debug_mode!r}; expected one of {_MODES}"
                )
            debug_mode = _MODES.index(debug_mode)
        if debug_mode not in (0, 1, 2):
            raise RuntimeError(f"invalid value of debug_mode: {debug_mode}; expected 0, 1 or 2")
        _state.mode = debug_mode

    def get_sync_debug_mode(self) -> int:
        """0, 1 or 2, see `set_sync_debug_mode`."""
        return _state.mode
