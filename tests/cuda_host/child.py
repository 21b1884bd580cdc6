"""Runs code in a child process whose CuPy is the stand-in over NumPy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["OVER_NUMPY", "run"]

OVER_NUMPY = Path(__file__).parent / "doubles" / "over_numpy"

# The stand-in runs no CUDA sources: those have tests of their own.
_START = """
import sys
sys.path.insert(0, {place!r})
from dlf_cupy_gpu.backend import CupyBackend
CupyBackend.families = ()
"""


def run(plugin: str, code: str, *, timeout: float = 300, **environment: str) -> str:
    """What `code` prints; it must end well. `plugin` is the fixture `cuda_plugin`."""
    done = subprocess.run(
        [sys.executable, "-c", plugin + _START.format(place=str(OVER_NUMPY)) + code],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, (done.stdout[-4000:], done.stderr[-4000:])
    return done.stdout
