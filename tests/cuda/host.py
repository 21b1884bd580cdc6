"""Runs the CUDA sources of `dlf_cupy_gpu` on the processor, over NumPy arrays.

A source is compiled for all dtypes into one shared library by the host's C++ compiler, behind
`shim/cuda_shim.h`, with AddressSanitizer and UndefinedBehaviorSanitizer. `HostModules` then stands
in for the module of the same interface over CuPy, so that the very launchers run. Every array is
copied into memory between poisoned bytes for the launch, at an address with the same remainder.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlf_cupy_gpu import module

__all__ = ["HostModules", "KernelError", "guarded", "modules"]

_SHIM = Path(__file__).parent / "shim"
_SANITIZE = ["-fsanitize=address,undefined", "-fsanitize-recover=address,undefined"]
_FLAGS = ["-std=c++17", "-O1", "-g1", "-fPIC", "-shared", "-fno-strict-aliasing", "-w"]


class KernelError(AssertionError):
    """A kernel read or wrote out of range, or broke a rule of barriers or of C++."""


@functools.cache
def compiler() -> str:
    """The host's C++ compiler; the test is skipped where there is none that can do this."""
    found = shutil.which("g++")
    if found is None or not sys.platform.startswith("linux"):
        pytest.skip("no g++ on this machine to compile the CUDA sources for the host with")
    return found


def _cached(stem: str, texts: Sequence[str], command: Sequence[str], main: str) -> Path:
    """The library that `command` makes of `main`; compiled if no run before did so."""
    import fcntl  # Not on every system, but wherever this is reached.

    digest = hashlib.sha256("\0".join([*texts, *command, main]).encode()).hexdigest()[:20]
    folder = Path(tempfile.gettempdir()) / f"dlf-cuda-host-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / f"{stem}-{digest}.so"
    if target.exists():
        return target
    # Other test processes that need the same wait for it.
    with open(folder / f"{stem}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            return target
        with tempfile.TemporaryDirectory(dir=folder) as work:
            (Path(work) / "main.cpp").write_text(main, "utf-8")
            made = Path(work) / "made.so"
            run = [*command, str(Path(work) / "main.cpp"), "-o", str(made), *_libraries(command)]
            done = subprocess.run(run, capture_output=True, text=True)
            assert done.returncode == 0, f"{stem} does not compile for the host:\n{done.stderr}"
            os.replace(made, target)
    return target


def _libraries(command: Sequence[str]) -> list[str]:
    return [part for part in command if part.endswith(".so")]


@functools.cache
def _sanitizers() -> list[str]:
    """The sanitizers' options, or none where they cannot be loaded into a running interpreter."""
    try:
        path = _runtime_path(tuple(_SANITIZE))
    except AssertionError:
        return []  # The compiler has no library for them.
    load = f"import ctypes; ctypes.CDLL({str(path)!r}).shim_start()"
    tried = subprocess.run([sys.executable, "-c", load], capture_output=True)
    return _SANITIZE if tried.returncode == 0 else []


def _runtime_path(sanitize: tuple[str, ...]) -> Path:
    texts = [(_SHIM / name).read_text("utf-8") for name in ("runtime.h", "runtime.cpp")]
    flags = [*_FLAGS, f"-I{_SHIM}", "-U_FORTIFY_SOURCE"]
    if sanitize:
        # Linked against the sanitizers' library, but itself not instrumented.
        flags += ["-DSHIM_SANITIZED", "-Wl,--no-as-needed", "-lasan", "-lubsan"]
    return _cached("runtime", texts, [compiler(), *flags], '#include "runtime.cpp"\n')


@functools.cache
def runtime() -> tuple[ctypes.CDLL, Path]:
    """The library that runs launches, and its path."""
    path = _runtime_path(tuple(_sanitizers()))
    library = ctypes.CDLL(str(path))
    library.shim_alloc.restype = ctypes.c_void_p
    library.shim_alloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p]
    library.shim_free.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]
    library.shim_launch.restype = ctypes.c_char_p
    library.shim_launch.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_size_t]
    library.shim_start()
    return library, path


def entries(text: str) -> list[str]:
    """Names of the entry points of a source, as the preprocessor leaves them."""
    bare = re.sub(r"^#include <.*>$", "", text, flags=re.MULTILINE)
    command = [compiler(), "-E", "-P", "-x", "c++", "-DSCALAR=float", "-DDLF_HOST", "-"]
    done = subprocess.run(command, input=bare, capture_output=True, text=True, check=True)
    return re.findall(r"\bKERNEL\s+(\w+)\s*\(", done.stdout)


@functools.cache
def library(file: str, types: tuple[str, ...], constants: tuple[tuple[str, int], ...]) -> Any:
    """`file` for each dtype of `types`, compiled and loaded."""
    text = module.source(file)
    names = entries(text)
    parts = ['#include "cuda_shim.h"\n', *(f"#define {n} {v}\n" for n, v in constants)]
    for name in types:
        parts.append(f"#define SCALAR {module.C_TYPES[name]}\nnamespace {name} {{\n{text}\n}}\n")
        parts.append(f'#undef SCALAR\n#line 1 "exports-{name}"\n')
        # Macros of one dtype's text are defined again, alike, by the next one's.
        parts += [f"SHIM_EXPORT({name}, {entry})\n" for entry in names]
    shim = [path.read_text("utf-8") for path in sorted(_SHIM.glob("*.h"))]
    _, path = runtime()
    command = [compiler(), *_FLAGS, *_sanitizers(), f"-I{_SHIM}", str(path)]
    made = _cached(Path(file).stem, shim, command, "".join(parts))
    return ctypes.CDLL(str(made))


class _Buffer:
    """A copy of an array between poisoned bytes."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        assert array.flags.c_contiguous, "a kernel was given an array that is not contiguous"
        self.array, self.size = array, array.nbytes
        self.offset = array.__array_interface__["data"][0] % 256
        self.block = ctypes.c_void_p()
        shim = runtime()[0]
        self.data = shim.shim_alloc(self.size, self.offset, ctypes.byref(self.block))
        ctypes.memmove(self.data, array.ctypes.data, self.size)

    def close(self) -> None:
        """Copy back what the kernel wrote, and free."""
        if self.array.flags.writeable:
            ctypes.memmove(self.array.ctypes.data, self.data, self.size)
        runtime()[0].shim_free(self.block, self.size, self.offset)


class HostModules:
    """`dlf_cupy_gpu.module.Modules` over NumPy arrays and the host's compiler."""

    xp = np

    def __init__(self) -> None:
        self.launches: list[str] = []
        """Names of the entries that were launched, in order."""
        self.in_capture = False

    @functools.cached_property
    def primitives(self) -> Any:
        """Those of `dlf.xp` over NumPy."""
        from dlf import xp

        return xp.kernels(np)

    def function(self, file: str, name: str, *types: str, **constants: int) -> module.Function:
        """Entry `name` of `file`; a launch runs it to its end and raises KernelError."""
        assert len(types) == 1, "on the host a source is compiled for one dtype at a time"
        made = library(file, tuple(sorted(module.FLOATING)), tuple(sorted(constants.items())))
        symbol = f"{types[0]}_{name}"
        kernel = getattr(made, symbol)
        parameters = getattr(made, f"{symbol}_parameters")
        parameters.restype = ctypes.c_char_p
        kinds = parameters().decode()

        def launch(
            grid: tuple[int, ...], block: tuple[int, ...], arguments: Sequence[Any], shared: int = 0
        ) -> None:
            self.launches.append(name)
            _launch(symbol, kernel, kinds, grid, block, arguments, shared)

        return launch

    def address(self, array: np.ndarray[Any, Any]) -> int:
        """Where the array's memory starts."""
        return int(array.__array_interface__["data"][0])

    def processors(self) -> int:
        """A small number, so that blocks have several pieces of work."""
        return 2

    def device(self) -> int:
        """The only one."""
        return 0

    def upload(self, host: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """A copy."""
        return host.copy()

    def capturing(self) -> bool:
        """Whether a test says so."""
        return self.in_capture


def _launch(
    symbol: str,
    kernel: Any,
    kinds: str,
    grid: tuple[int, ...],
    block: tuple[int, ...],
    arguments: Sequence[Any],
    shared: int,
) -> None:
    assert 1 <= np.prod(block) <= 512 and np.prod(block) % 32 == 0, f"{symbol}: block {block}"
    assert 0 <= shared <= 47 * 1024, f"{symbol}: {shared} bytes of shared memory"
    assert all(1 <= n <= limit for n, limit in zip(grid, (2**31 - 1, 65535, 65535), strict=False))
    assert len(kinds) == len(arguments), f"{symbol} takes {kinds}, got {len(arguments)} arguments"
    buffers: dict[int, _Buffer] = {}
    values: list[Any] = []
    for at, (kind, given) in enumerate(zip(kinds, arguments, strict=True)):
        assert type(given) is not bool, f"{symbol}: parameter {at} is a bool, which is one byte"
        if isinstance(given, np.ndarray):
            assert kind == str(given.itemsize), f"{symbol}: parameter {at} is {kind}, not an array"
            buffer = buffers.get(id(given)) or _Buffer(given)
            buffers[id(given)] = buffer
            values.append(ctypes.c_void_p(buffer.data))
        elif given is None:
            assert kind.isdigit(), f"{symbol}: parameter {at} is {kind}, not an array"
            values.append(ctypes.c_void_p())
        elif isinstance(given, (int, np.integer)):
            assert kind == "q", f"{symbol}: parameter {at} is {kind}, got the int {given}"
            values.append(ctypes.c_longlong(given))
        else:
            assert kind == "d", f"{symbol}: parameter {at} is {kind}, got the float {given}"
            values.append(ctypes.c_double(given))
    pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(v) for v in values))
    sizes = [(ctypes.c_uint * 3)(*d, *[1] * (3 - len(d))) for d in (grid, block)]
    address = ctypes.cast(kernel, ctypes.c_void_p)
    fault = runtime()[0].shim_launch(address, pointers, sizes[0], sizes[1], shared)
    for buffer in buffers.values():
        buffer.close()
    if fault is not None:
        raise KernelError(f"{symbol}: {fault.decode(errors='replace')}")


def guarded(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A copy of `array` between poisoned bytes, for kernels that get addresses in a table."""
    # Never freed: a test has few.
    buffer = _Buffer(np.ascontiguousarray(array))
    memory = (ctypes.c_char * max(buffer.size, 1)).from_address(buffer.data)
    return np.frombuffer(memory, array.dtype, array.size).reshape(array.shape)


@functools.cache
def modules() -> HostModules:
    """One set for all tests."""
    return HostModules()
