"""Whether there is a card that CuPy can use here, and what to do where there is none."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from dlf.plugin import Probe
from dlf_cupy_gpu import lazy

__all__ = ["EXTRAS", "OLDEST", "probe"]

EXTRAS = "pip install 'dlf[cuda]' for a driver of CUDA 12, or pip install 'dlf[cuda13]' for CUDA 13"
OLDEST = (7, 0)
"""The least compute capability: its warps have threads that are scheduled independently."""

# Codes of cudaError_t.
_INSUFFICIENT_DRIVER = 35
_NO_DEVICE = 100

_DRIVER = "install NVIDIA's driver, and in a container start it with access to the card"


def probe() -> Probe:
    """The cards, or why none can be used; makes no context on a card."""
    if find_spec("cupy") is None:
        return Probe(False, f"CuPy is not installed: {EXTRAS}")
    try:
        cupy = lazy.cupy()
        runtime = cupy.cuda.runtime
    except Exception as error:
        return Probe(
            False,
            f"CuPy is installed but its import failed with {_told(error)}; keep one cupy package "
            f"only and install it anew: {EXTRAS}",
        )
    try:
        return _of_driver(cupy, runtime)
    except Exception as error:
        return Probe(
            False,
            f"CuPy {cupy.__version__} could not ask the driver: {_told(error)}; see whether "
            "nvidia-smi works",
        )


def _of_driver(cupy: Any, runtime: Any) -> Probe:
    driver, needed = int(runtime.driverGetVersion()), int(runtime.runtimeGetVersion())
    if driver == 0:
        return Probe(
            False,
            f"CuPy {cupy.__version__} is installed but there is no NVIDIA driver: libcuda was not "
            f"found; {_DRIVER}",
        )
    try:
        count = int(runtime.getDeviceCount())
    except runtime.CUDARuntimeError as error:
        status = getattr(error, "status", None)
        if status == _INSUFFICIENT_DRIVER:
            return Probe(False, _too_old(cupy, driver, needed))
        if status != _NO_DEVICE:
            raise
        count = 0
    if driver // 1000 < needed // 1000:
        return Probe(False, _too_old(cupy, driver, needed))
    if count == 0:
        return Probe(False, f"there is a driver but no device is visible to it{_visible()}")
    found = [runtime.getDeviceProperties(index) for index in range(count)]
    old = [index for index, one in enumerate(found) if _capability(one) < OLDEST]
    if old:
        return Probe(False, _refused(found, old))
    if problem := _toolkit(cupy):
        return Probe(False, problem)
    return Probe(True, devices=tuple(map(_described, found)))


def _too_old(cupy: Any, driver: int, needed: int) -> str:
    return (
        f"the NVIDIA driver supports CUDA {_version(driver)} and is too old for CuPy "
        f"{cupy.__version__}, which runs on CUDA {_version(needed)}: update the driver, or install "
        f"the CuPy of its version: {EXTRAS}"
    )


def _visible() -> str:
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return f" (CUDA_VISIBLE_DEVICES is not set): {_DRIVER}; nvidia-smi lists the cards"
    return (
        f": CUDA_VISIBLE_DEVICES={chosen!r} leaves none; unset it, or name cards that nvidia-smi "
        "lists"
    )


def _refused(found: list[Any], old: list[int]) -> str:
    least = ".".join(map(str, OLDEST))
    text = f"compute capability {least} or more is needed: " + ", ".join(
        f"device {index} is {_described(found[index])}" for index in old
    )
    rest = [str(index) for index in range(len(found)) if index not in old]
    if rest:
        text += f"; CUDA_VISIBLE_DEVICES={','.join(rest)} leaves it out"
    return text


def _toolkit(cupy: Any) -> str:
    """What is missing of CUDA's toolkit, parts of which CuPy's own wheels do not hold; else ""."""
    parts: dict[str, Callable[[], Any]] = {
        "compiler NVRTC": lambda: cupy.cuda.nvrtc.getVersion(),
        "headers": _headers,
        "cuBLAS": lambda: getattr(cupy.cuda, "cublas", None),  # Loaded when asked for.
    }
    for part, ask in parts.items():
        try:
            ask()
        except Exception as error:
            version = int(cupy.cuda.runtime.runtimeGetVersion()) // 1000
            return (
                f"CuPy {cupy.__version__} does not find CUDA's {part} ({_told(error)}): "
                f"pip install 'cupy-cuda{version}x[ctk]', or install the CUDA Toolkit {version}"
            )
    return ""


def _headers() -> None:
    """FileNotFoundError where CuPy finds no headers, which every kernel includes."""
    from cuda.pathfinder import find_nvidia_header_directory

    if find_nvidia_header_directory("cudart") is None:
        raise FileNotFoundError("no folder with cuda_runtime.h")


def _capability(properties: Any) -> tuple[int, int]:
    return int(properties["major"]), int(properties["minor"])


def _described(properties: Any) -> str:
    name = properties["name"]
    text = name.decode() if isinstance(name, bytes) else str(name)
    major, minor = _capability(properties)
    memory = int(properties["totalGlobalMem"]) / 2**30
    return f"{text} ({memory:.1f} GiB, compute capability {major}.{minor})"


def _version(number: int) -> str:
    """CUDA's version numbers are 1000 * major + 10 * minor."""
    return f"{number // 1000}.{number % 1000 // 10}"


def _told(error: BaseException) -> str:
    """The type of `error` and the first line of what it says."""
    lines = [line.strip(" =-") for line in str(error).splitlines()]
    line = next(filter(None, lines), "")
    return f"{type(error).__name__}: {line}" if line else type(error).__name__
