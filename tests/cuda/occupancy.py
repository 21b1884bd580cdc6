"""How many blocks of a kernel a multiprocessor holds, from what the compiler says of it."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from dlf_cupy_gpu import module
from tests.cuda import nvrtc

__all__ = ["Resources", "resident_blocks", "resources"]

# Shared memory of a multiprocessor in KiB; of registers, warps and blocks both have the same.
_SHARED = {"80": 164, "90": 228}
_REGISTERS, _WARPS, _BLOCKS = 65536, 64, 32


@dataclass(frozen=True)
class Resources:
    """What one entry takes: bytes, but for `registers` of a thread."""

    registers: int
    stack: int
    spilled: int
    shared: int


def resident_blocks(registers: int, threads: int, shared: int, architecture: str) -> int:
    """Blocks that a multiprocessor holds at once, by the CUDA C++ Programming Guide.

    Args:
        registers: of a thread; a warp gets them in units of 256.
        threads: of a block.
        shared: bytes of a block, static and dynamic; 1 KiB of the system's own comes on top.
        architecture: "80" or "90".
    """
    warps = -(-threads // 32)
    of_a_warp = max(-(-registers * 32 // 256) * 256, 256)
    # Each of the four schedulers has a quarter of the registers.
    by_registers = _REGISTERS // 4 // of_a_warp * 4 // warps
    by_shared = _SHARED[architecture] * 1024 // (-(-(shared + 1024) // 128) * 128)
    return min(_WARPS // warps, by_registers, by_shared, _BLOCKS)


@functools.cache
def resources(
    file: str, dtype: str, architecture: str, constants: tuple[tuple[str, int], ...] = ()
) -> Mapping[str, Resources]:
    """Each entry's needs; the test is skipped where no compiler is at hand."""
    text = module.source(file)
    # CuPy adds this option to those of the module.
    flags = [*module.options((dtype,), dict(constants)), "-ftz=true", f"-arch=sm_{architecture}"]
    if nvrtc.nvrtc() is not None and nvrtc.headers() is not None:
        flags += [f"-I{nvrtc.headers()}", "--ptxas-options=-v"]
        done, messages, _ = nvrtc.compile_source(text, file, flags)
        assert done, messages
    else:
        found = shutil.which("nvcc")
        if found is None:
            pytest.skip("neither NVRTC with CUDA's headers nor nvcc is on this machine")
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / file).write_text(text, "utf-8")
            command = [found, *flags, "-Xptxas", "-v", "-cubin", str(Path(folder) / file)]
            ran = subprocess.run(
                [*command, "-o", str(Path(folder) / "out.cubin")], capture_output=True, text=True
            )
        assert ran.returncode == 0, ran.stderr
        messages = ran.stderr
    assert "warning" not in messages, messages
    return dict(_entries(messages))


def _entries(messages: str) -> list[tuple[str, Resources]]:
    found = []
    for part in re.split(r"Compiling entry function '", messages)[1:]:
        name = part[: part.index("'")]
        memory = re.search(
            r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", part
        )
        used = re.search(r"Used (\d+) registers(?:.*?, (\d+) bytes smem)?", part)
        assert memory and used, part
        spilled = int(memory[2]) + int(memory[3])
        needs = Resources(int(used[1]), int(memory[1]), spilled, int(used[2] or 0))
        found.append((name, needs))
    assert found, messages
    return found
