"""Every source compiles for every dtype and architecture, without a card."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dlf_cupy_gpu import module
from tests.cuda import nvrtc

SOURCES = sorted(path.name for path in module.FOLDER.glob("*.cu"))
DTYPES = sorted(module.C_TYPES)
ARCHITECTURES = ("80", "90")


def compiled(file: str, dtype: str, folder: Path) -> str:
    """The compiler's messages for all architectures, with the resources that each entry takes."""
    text, flags = module.source(file), [*module.options((dtype,), {}), "--ptxas-options=-v"]
    if nvrtc.nvrtc() is not None and nvrtc.headers() is not None:
        flags.append(f"-I{nvrtc.headers()}")
        out = []
        for number in ARCHITECTURES:
            done, messages, binary = nvrtc.compile_source(
                text, file, [*flags, f"-arch=sm_{number}"]
            )
            assert done and binary, messages
            out.append(messages)
        return "\n".join(out)
    found = shutil.which("nvcc")
    if found is None:
        pytest.skip("neither NVRTC with CUDA's headers nor nvcc is on this machine")
    (folder / file).write_text(text, "utf-8")
    targets = [f"-gencode=arch=compute_{n},code=sm_{n}" for n in ARCHITECTURES]
    command = [found, *flags, *targets, "-fatbin", str(folder / file)]
    ran = subprocess.run(
        [*command, "-o", str(folder / "out.fatbin")], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stderr


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("file", SOURCES)
def test_compiles(file: str, dtype: str, tmp_path: Path) -> None:
    messages = compiled(file, dtype, tmp_path)
    assert "warning" not in messages, messages
    # A few spilled bytes cost nothing, many do; float64, which few cards are fast in, may.
    spilled = [int(n) for n in re.findall(r"(\d+) bytes spill stores", messages)]
    assert spilled and (max(spilled) <= 48 or dtype == "float64"), messages


def test_wide_entries_move_sixteen_bytes() -> None:
    if nvrtc.nvrtc() is None or nvrtc.headers() is None:
        pytest.skip("NVRTC with CUDA's headers is not on this machine")
    for file, dtype in [("softmax.cu", "bfloat16"), ("elementwise.cu", "float32")]:
        flags = [*module.options((dtype,), {}), f"-I{nvrtc.headers()}", "-arch=compute_90"]
        done, messages, assembly = nvrtc.compile_source(module.source(file), file, flags)
        assert done, messages
        entries = assembly.decode().split(".visible .entry ")[1:]
        wide = [entry for entry in entries if re.match(r"\w+_wide\(", entry)]
        assert wide
        for entry in wide:
            assert re.search(r"ld\.global(\.nc)?\.v4", entry), entry[:200]
            assert re.search(r"st\.global(\.wb)?\.v4", entry), entry[:200]
            # A function without a float overload would be computed in double.
            assert not re.search(r"(add|mul|fma|div|sqrt|max|min)\.\S*f64", entry), entry[:200]
