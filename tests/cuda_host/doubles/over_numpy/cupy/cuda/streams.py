"""The stand-in's streams: what is queued is done at once, or recorded."""

from __future__ import annotations

import itertools
import threading
import time

from .. import tape
from . import runtime

_handles = itertools.count(1)


class _Current(threading.local):
    """The current streams, each card's innermost last."""

    def __init__(self):
        self.stacks = {}

    def of(self, card):
        return self.stacks.setdefault(card, [])


_current = _Current()


class Stream:
    """A stream; in a block it is the current one."""

    null = None

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.ptr = 0 if null else next(_handles) * 4096
        self.device_id = -1 if null else runtime.getDevice()

    def __enter__(self):
        if self.device_id not in (-1, runtime.getDevice()):
            raise RuntimeError("This stream was not created on the current device")
        card = runtime.getDevice() if self.device_id == -1 else self.device_id
        _current.of(card).append(self)
        return self

    def __exit__(self, *_):
        stack = next(one for one in _current.stacks.values() if one and one[-1] is self)
        stack.pop()

    def use(self):
        card = runtime.getDevice() if self.device_id == -1 else self.device_id
        stack = _current.of(card)
        stack[-1:] = [self]
        return self

    def __eq__(self, other):
        return self.ptr == other.ptr

    def __hash__(self):
        return self.ptr

    done = True

    def synchronize(self):
        if get_current_stream() == self:
            tape.refuse("synchronous")

    def wait_event(self, event):
        pass

    def begin_capture(self, mode=None):
        if self.ptr == 0:
            raise RuntimeError("cannot capture on the default (null) stream")
        tape.begin(self.ptr)

    def end_capture(self):
        return Graph(tape.end())


Stream.null = Stream(null=True)


class Graph:
    """A recording."""

    def __init__(self, recorded):
        self._recorded = recorded

    def launch(self, stream=None):
        import numpy as np

        with np.errstate(all="ignore"):
            for again in self._recorded:
                again()


class Event:
    """A moment."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self._timed, self._at = not disable_timing, None

    def record(self, stream=None):
        self._at = time.perf_counter()

    done = True

    def synchronize(self):
        pass


def get_current_stream(device_id=-1):
    stack = _current.of(runtime.getDevice() if device_id == -1 else device_id)
    return stack[-1] if stack else Stream.null


def get_elapsed_time(start, end):
    if not (start._timed and end._timed):
        raise runtime.CUDARuntimeError(400)
    return 1000 * (end._at - start._at)
