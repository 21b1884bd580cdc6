"""CUDA sources as functions: read, joined, compiled for the dtypes at hand, and kept.

A source file is compiled once for each dtype that is used, when it is first used, by NVRTC through
CuPy, which keeps the binaries on disk. See `sources/README.md` for how sources are written.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dlf_cupy_gpu import capture

__all__ = [
    "C_TYPES",
    "FLOATING",
    "FOLDER",
    "CupyModules",
    "Function",
    "Modules",
    "options",
    "source",
]

FOLDER = Path(__file__).parent / "sources"

C_TYPES: Mapping[str, str] = {
    "float32": "float",
    "float64": "double",
    "float16": "__half",
    "bfloat16": "__nv_bfloat16",
}
"""C++ type by name of the dtype."""

FLOATING = frozenset(C_TYPES)
"""Names of the dtypes that the sources are compiled for."""

_INCLUDE = re.compile(r'^#include "([^"]+)"$')
_MACROS = ("SCALAR", "OTHER")

Dims = tuple[int, ...]


class Function(Protocol):
    """A compiled kernel: `arguments` are arrays, ints, floats and None, a null pointer.

    A bool would be passed as one byte, where sources take an index_t: it is converted before.
    """

    def __call__(
        self, grid: Dims, block: Dims, arguments: Sequence[Any], shared: int = 0
    ) -> None: ...


class Modules(Protocol):
    """What launchers need: the namespace of their arrays, and functions over these."""

    xp: Any
    """NumPy's functions over the arrays, such as CuPy."""

    @property
    def primitives(self) -> Mapping[str, Callable[..., Any]]:
        """The shared kernels by op name, for dtypes that the sources are not compiled for."""
        ...

    def function(self, file: str, name: str, *types: str, **constants: int) -> Function:
        """Entry `name` of source `file` for dtypes named `types` (`SCALAR`, then `OTHER`).

        `constants` become macros.
        """
        ...

    def address(self, array: Any) -> int:
        """Where the array's memory starts."""
        ...

    def processors(self) -> int:
        """How many multiprocessors the current device has."""
        ...

    def device(self) -> int:
        """Index of the current device."""
        ...

    def upload(self, host: np.ndarray[Any, Any]) -> Any:
        """A copy of `host` on the current device, in the order of the current stream."""
        ...

    def capturing(self) -> bool:
        """Whether the current stream's work is recorded for a graph rather than done."""
        ...


@functools.cache
def source(file: str) -> str:
    """The text of `file` with every header of this folder pasted where it is first included."""
    return "".join(_pasted(file, set()))


def _pasted(file: str, seen: set[str]) -> list[str]:
    seen.add(file)
    out = [f'#line 1 "{file}"\n']
    for number, line in enumerate((FOLDER / file).read_text("utf-8").splitlines(), 1):
        found = _INCLUDE.match(line)
        if found:
            if found[1] not in seen:
                out += _pasted(found[1], seen)
            out.append(f'#line {number + 1} "{file}"\n')
        else:
            # A header is pasted once anyway, and the compiler would warn of the pragma.
            out.append("\n" if line == "#pragma once" else f"{line}\n")
    return out


def options(types: Sequence[str], constants: Mapping[str, int]) -> tuple[str, ...]:
    """Compiler options for dtypes and constants."""
    macros = zip(_MACROS, types, strict=False)
    return (
        "-std=c++17",
        *(f"-D{macro}={C_TYPES[name]}" for macro, name in macros),
        *(f"-D{name}={value}" for name, value in sorted(constants.items())),
    )


class CupyModules:
    """`Modules` over CuPy, through NVRTC.

    Args:
        cupy: the module `cupy`.
        primitives: the shared kernels over it. Default: those of `dlf.xp`.
    """

    def __init__(
        self, cupy: Any, primitives: Mapping[str, Callable[..., Any]] | None = None
    ) -> None:
        self.xp = cupy
        self._primitives = primitives
        self._functions: dict[Any, Function] = {}
        self._modules: dict[Any, Any] = {}
        self._processors: dict[int, int] = {}

    @property
    def primitives(self) -> Mapping[str, Callable[..., Any]]:
        """See `Modules.primitives`."""
        if self._primitives is None:
            from dlf import xp

            self._primitives = xp.kernels(self.xp)
        return self._primitives

    def function(self, file: str, name: str, *types: str, **constants: int) -> Function:
        """See `Modules.function`; compiles at the first call, which may take seconds."""
        key = (file, name, types, *constants.items()) if constants else (file, name, types)
        found = self._functions.get(key)
        if found is None:
            found = self._functions[key] = self._compiled(file, name, types, constants)
        return found

    def _compiled(
        self, file: str, name: str, types: Sequence[str], constants: Mapping[str, int]
    ) -> Function:
        chosen = options(types, constants)
        module = self._modules.get((file, chosen))
        if module is None:
            module = self.xp.RawModule(code=source(file), options=chosen)
            module = self._modules.setdefault((file, chosen), module)
        return _launcher(module.get_function(name), self.xp.cuda.runtime.getDevice)

    def address(self, array: Any) -> int:
        """See `Modules.address`."""
        return int(array.data.ptr)

    def processors(self) -> int:
        """See `Modules.processors`."""
        device = self.device()
        found = self._processors.get(device)
        if found is None:
            attributes = self.xp.cuda.Device(device).attributes
            found = self._processors[device] = int(attributes["MultiProcessorCount"])
        return found

    def device(self) -> int:
        """See `Modules.device`."""
        return int(self.xp.cuda.runtime.getDevice())

    def upload(self, host: np.ndarray[Any, Any]) -> Any:
        """See `Modules.upload`; the host does not wait, other than while a graph is captured."""
        cupy = self.xp
        if not self.capturing():
            return cupy.array(host, blocking=False)
        # A stream that is recorded takes no copies from the host, another one does.
        side = cupy.cuda.Stream(non_blocking=True)
        with side:
            made = cupy.array(host, blocking=False)
        side.synchronize()
        return made

    def capturing(self) -> bool:
        """See `Modules.capturing`."""
        return capture.active() is not None


def _launcher(kernel: Any, device: Callable[[], int]) -> Function:
    # A RawKernel looks its function up in each call, and is slower by that than a launch is.
    functions: dict[int, Any] = {}

    def launch(grid: Dims, block: Dims, arguments: Sequence[Any], shared: int = 0) -> None:
        index = device()
        function = functions.get(index)
        if function is None:
            function = functions[index] = kernel.kernel
        # CuPy passes Python's ints as 64 bits, floats as double, and None as a null pointer.
        function(grid, block, arguments, shared)

    return launch
