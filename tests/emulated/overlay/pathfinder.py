"""`cuda.pathfinder` as CuPy uses it: the emulated card's libraries, and no others.

The real one would look into NVIDIA's wheels first.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

# This file lies in overlay/cuda/pathfinder of the built card, by a link.
_HOME = Path(__file__).absolute().parents[3]


class DynamicLibNotFoundError(RuntimeError):
    """The emulated card has no such library."""


@dataclass
class LoadedDL:
    """A library that is loaded."""

    abs_path: str
    found_via: str
    was_already_loaded_from_elsewhere: bool
    _handle_uint: int


def load_nvidia_dynamic_lib(name: str) -> LoadedDL:
    """The emulated library of this name."""
    for path in sorted((_HOME / "lib").glob(f"lib{name}.so*")):
        handle = ctypes.CDLL(str(path))._handle
        return LoadedDL(str(path), "CUDA_PATH", False, handle)
    raise DynamicLibNotFoundError(f"the emulated card has no library {name}")


def find_nvidia_header_directory(name: str) -> str | None:
    """CUDA's headers."""
    return str(_HOME / "include")


def find_nvidia_binary_utility(name: str) -> str | None:
    """There are none."""
    return None
