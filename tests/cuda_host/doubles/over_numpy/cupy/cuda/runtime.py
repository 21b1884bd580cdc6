"""The stand-in's CUDA runtime: ``DOUBLE_CARDS`` cards (1) of ``DOUBLE_MEMORY`` bytes (1 GiB)."""

# ruff: noqa: N802  # CUDA's names

from __future__ import annotations

import os
import threading

CARDS = int(os.environ.get("DOUBLE_CARDS", "1"))
MEMORY = int(os.environ.get("DOUBLE_MEMORY", str(1 << 30)))

_current = threading.local()
used = [0] * CARDS


class CUDARuntimeError(RuntimeError):
    def __init__(self, status):
        super().__init__(f"status {status}")
        self.status = status


def driverGetVersion():
    return 12090


def runtimeGetVersion():
    return 12090


def getDeviceCount():
    return CARDS


def getDeviceProperties(index):
    return {
        "name": b"a stand-in",
        "totalGlobalMem": MEMORY,
        "major": 9,
        "minor": 0,
        "multiProcessorCount": 4,
    }


def getDevice():
    return getattr(_current, "index", 0)


def setDevice(index):
    if not 0 <= index < CARDS:
        raise CUDARuntimeError(101)
    _current.index = index


def deviceCanAccessPeer(device, peer):
    return int(device != peer)


def deviceSynchronize():
    pass


def memGetInfo():
    return MEMORY - used[getDevice()], MEMORY
