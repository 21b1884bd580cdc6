"""A stand-in for CuPy on machines of every kind: a test's environment variables say which.

``DOUBLE_IMPORT`` (an error's text), ``DOUBLE_DRIVER`` (its CUDA version, 0 for none),
``DOUBLE_STATUS`` (of counting the devices), ``DOUBLE_DEVICES`` (JSON: name, bytes, major, minor)
``DOUBLE_NVRTC`` and ``DOUBLE_CUBLAS`` (errors' texts). `cuda.pathfinder` beside it has
``DOUBLE_HEADERS``, their folder, empty for none.
"""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

__version__ = "14.2.0"

if "DOUBLE_IMPORT" in os.environ:
    raise ImportError(os.environ["DOUBLE_IMPORT"])


class CUDARuntimeError(RuntimeError):
    def __init__(self, status):
        super().__init__(f"status {status}")
        self.status = status


def _devices():
    return json.loads(os.environ.get("DOUBLE_DEVICES", "[]"))


def _count():
    status = int(os.environ.get("DOUBLE_STATUS", "0"))
    if status:
        raise CUDARuntimeError(status)
    return len(_devices())


def _properties(index):
    name, memory, major, minor = _devices()[index]
    return {"name": name.encode(), "totalGlobalMem": memory, "major": major, "minor": minor}


def _nvrtc():
    if "DOUBLE_NVRTC" in os.environ:
        raise RuntimeError(os.environ["DOUBLE_NVRTC"])
    return 12, 9


class _Cuda(SimpleNamespace):
    @property
    def cublas(self):
        if "DOUBLE_CUBLAS" in os.environ:
            raise ImportError(os.environ["DOUBLE_CUBLAS"])
        return SimpleNamespace()


cuda = _Cuda(
    nvrtc=SimpleNamespace(getVersion=_nvrtc),
    runtime=SimpleNamespace(
        CUDARuntimeError=CUDARuntimeError,
        driverGetVersion=lambda: int(os.environ.get("DOUBLE_DRIVER", "12090")),
        runtimeGetVersion=lambda: 12090,
        getDeviceCount=_count,
        getDeviceProperties=_properties,
    ),
)
