"""What the machine is and the most that it does, for `gpu.py`."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from gpu_times import beside, libraries, ready, timed, values

__all__ = ["PRECISIONS", "machine", "peaks", "precise"]

Row = dict[str, Any]

# Name -> dtype, and the setting of float32 products.
PRECISIONS = {
    "float32": ("float32", "highest"),
    "tf32": ("float32", "high"),
    "float16": ("float16", "highest"),
    "bfloat16": ("bfloat16", "highest"),
}
_PACKAGES = (
    "dlf numpy ml_dtypes cupy-cuda12x cupy-cuda13x torch triton nvidia-cudnn-frontend nvmath-python"
).split()


def machine(seconds: float) -> Iterator[tuple[str, Callable[[], Row]]]:
    """The card and the versions of what ran."""
    yield "card", _card
    yield "versions", _versions


def _card() -> Row:
    import cupy

    import dlf

    runtime = cupy.cuda.runtime
    found = dlf.cuda.get_device_properties(0)
    return {
        "card": found.name,
        "capability": f"{found.major}.{found.minor}",
        "bytes": found.total_memory,
        "multiprocessors": found.multi_processor_count,
        "driver's CUDA": runtime.driverGetVersion(),
        "CuPy's CUDA": runtime.runtimeGetVersion(),
        "driver": _driver(),
    }


def _driver() -> str:
    import subprocess

    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip().partition("\n")[0]


def _versions() -> Row:
    row: Row = {"python": platform.python_version(), "system": platform.platform()}
    for name in _PACKAGES:
        try:
            row[name] = version(name)
        except PackageNotFoundError:
            continue
    return row


def peaks(seconds: float) -> Iterator[tuple[str, Callable[[], Row]]]:
    """The fastest copy, and the fastest product in each precision."""
    yield "copy", lambda: _copy(seconds)
    for name in PRECISIONS:
        yield (
            f"product {name}",
            lambda name=name: {"precision": name, **precise(name, 8192, 2 * seconds)},
        )


def _copy(seconds: float) -> Row:
    """A copy of 1 GiB within the card's memory, by whichever library is the faster."""
    best, size = 0.0, 1 << 28
    for T in libraries():
        ready(T)
        source, target = T.ones(size), T.zeros(size)
        took = timed(T, lambda s=source, t=target: t.copy_(s), 2 * seconds)
        best = max(best, 2 * 4 * size / took)
        del source, target
        T.cuda.empty_cache()
    return {"GB/s": best / 1e9}


def precise(name: str, size: int, seconds: float) -> Row:
    """A product of square matrices in one of `PRECISIONS`."""
    dtype, setting = PRECISIONS[name]

    def make(T: Any) -> Callable[[], object]:
        T.set_float32_matmul_precision(setting)
        a, b = (values(T, size, size).to(getattr(T, dtype)) for _ in range(2))
        return lambda: a @ b

    return beside(make, seconds, flops=2.0 * size**3)
