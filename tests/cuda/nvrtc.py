"""CUDA's run-time compiler through ctypes: from its wheel, an installed toolkit, or not at all."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["compile_source", "headers", "nvrtc"]

_TOOLKITS = (os.environ.get("CUDA_PATH", ""), "/usr/local/cuda")


def _wheels() -> Iterator[Path]:
    """Folders of NVIDIA's wheels, such as ``nvidia/cuda_nvrtc`` or ``nvidia/cu13``."""
    spec = importlib.util.find_spec("nvidia")
    for place in spec.submodule_search_locations or () if spec else ():
        yield from sorted(Path(place).glob("cu*"))


def _roots() -> list[Path]:
    return [*_wheels(), *(Path(t) for t in _TOOLKITS if t)]


@functools.cache
def nvrtc() -> Any:
    """The library, or None."""
    for root in _roots():
        for folder in ("lib", "lib64"):
            for path in sorted((root / folder).glob("libnvrtc.so*")):
                try:
                    return ctypes.CDLL(str(path))
                except OSError:
                    continue
    return None


@functools.cache
def headers() -> Path | None:
    """The folder of ``cuda_fp16.h``, or None."""
    folders = (root / "include" for root in _roots())
    return next((f for f in folders if (f / "cuda_fp16.h").is_file()), None)


def compile_source(text: str, name: str, options: Sequence[str]) -> tuple[bool, str, bytes]:
    """Whether `text` compiles, the compiler's messages, and the binary; for a virtual architecture
    such as ``compute_90`` the assembly.
    """
    library = nvrtc()
    program = ctypes.c_void_p()
    library.nvrtcCreateProgram(ctypes.byref(program), text.encode(), name.encode(), 0, None, None)
    flags = [o.encode() for o in options]
    done = library.nvrtcCompileProgram(program, len(flags), (ctypes.c_char_p * len(flags))(*flags))
    log = _read(library.nvrtcGetProgramLogSize, library.nvrtcGetProgramLog, program)
    binary = b""
    if done == 0:
        kind = "PTX" if any("compute_" in o for o in options) else "CUBIN"
        size_of, read = (getattr(library, f"nvrtcGet{kind}{part}") for part in ("Size", ""))
        binary = _read(size_of, read, program)
    library.nvrtcDestroyProgram(ctypes.byref(program))
    return done == 0, log.rstrip(b"\0").decode(errors="replace"), binary


def _read(size_of: Any, read: Any, program: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t()
    size_of(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value or 1)
    read(program, buffer)
    return buffer.raw[: size.value]
