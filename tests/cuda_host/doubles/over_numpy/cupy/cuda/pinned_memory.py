"""The stand-in's pinned memory: the host's own, remembered."""

from __future__ import annotations

import weakref

import numpy as np

_known = weakref.WeakSet()


class PinnedMemoryPointer(bytearray):
    """A buffer of bytes."""

    __hash__ = object.__hash__


class PinnedMemoryPool:
    def malloc(self, size):
        made = PinnedMemoryPointer(size)
        _known.add(made)
        return made

    def free_all_blocks(self):
        pass


def is_memory_pinned(address):
    for held in list(_known):
        start = np.frombuffer(held, np.uint8).ctypes.data
        if start <= address < start + len(held):
            return True
    return False
