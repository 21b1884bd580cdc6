"""`libcard`, which is CUDA's runtime, driver and NVRTC, and the emulated `libcublas`."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["CARD", "SHIM", "build", "prefix"]

HERE = Path(__file__).resolve().parent
CARD = HERE / "card"
SHIM = HERE.parent / "cuda" / "shim"

_FLAGS = ["-std=c++17", "-O2", "-g1", "-fPIC", "-w"]
# Status of what is not emulated: cudaErrorNotSupported, CUBLAS_STATUS_NOT_SUPPORTED.
_REFUSED = {"cuda": 801, "cublas": 15}


def build(
    home: Path, compiler: str, major: int, places: Iterable[Path], runtime: Path, cublas: Path
) -> None:
    """Make the libraries in `home`.

    `places` have the headers; `runtime` and `cublas` are the extensions that call the libraries.
    """
    lib = home / "lib"
    lib.mkdir(exist_ok=True)
    flags = [*_FLAGS, f"-DCARD_CUDA_MAJOR={major}", *(f"-I{place}" for place in places)]
    blas = sorted(CARD.glob("cublas*.cpp"))
    objects = _objects(home, compiler, flags, sorted({*CARD.glob("*.cpp")} - {*blas}))
    _linked(home, compiler, "cuda", objects, runtime, "libcard.so", [])
    for name in ("libcudart.so", "libcuda.so", "libnvrtc.so"):
        _link(lib / f"{name}.{1 if 'cuda.' in name else major}", "libcard.so")
    objects = _objects(home, compiler, flags, blas)
    # The real library's symbols have this version.
    versions = home / "cublas.map"
    versions.write_text(f"libcublas.so.{major} {{ global: *; }};\n")
    named = [f"-Wl,--version-script={versions}", f"-L{lib}", "-lcard"]
    name = f"libcublas.so.{major}"
    _linked(home, compiler, "cublas", objects, cublas, name, named)


def prefix(home: Path, compiler: str, flags: Sequence[str], places: Iterable[Path]) -> Path:
    """Compile what all kernels of CuPy's begin with; gives the folder."""
    folder = home / "prefix"
    folder.mkdir(exist_ok=True)
    _link(folder / "prefix.h", str(CARD / "prefix.h"))
    include = [f"-I{place}" for place in places]
    made = folder / "prefix.h.gch"
    flags = [flag for flag in flags if flag != "-shared"]
    command = [compiler, *flags, *include, "-x", "c++-header"]
    _run([*command, str(folder / "prefix.h"), "-o", str(made)])
    return folder


def _objects(
    home: Path, compiler: str, flags: Sequence[str], sources: Sequence[Path]
) -> list[Path]:
    folder = home / "objects"
    folder.mkdir(exist_ok=True)
    made = []
    for path in sources:
        made.append(folder / f"{path.stem}.o")
        _run([compiler, *flags, "-c", str(path), "-o", str(made[-1])])
    return made


def _linked(
    home: Path,
    compiler: str,
    kind: str,
    objects: Sequence[Path],
    caller: Path,
    name: str,
    options: Sequence[str],
) -> None:
    """Link a library, with a refusal in place of each function that `caller` names beside."""
    have = {symbol for one in objects for symbol in _symbols(one, "--defined-only")}
    wanted = {s for s in _symbols(caller, "-D", "--undefined-only") if re.match(rf"{kind}[A-Z]", s)}
    text = "#include <cstdio>\n"
    for symbol in sorted(wanted - have):
        text += (
            f'extern "C" int {symbol}() {{\n'
            f'  std::fprintf(stderr, "[card] {symbol} is not emulated\\n");\n'
            f"  return {_REFUSED[kind]};\n}}\n"
        )
    file = home / "objects" / f"refused_{kind}.cpp"
    file.write_text(text)
    made = home / "lib" / name
    parts = [*map(str, objects), str(file), *options, "-ldl", f"-Wl,-soname,{name}"]
    _run([compiler, "-shared", *_FLAGS, *parts, "-o", str(made)])


def _symbols(path: Path, *options: str) -> list[str]:
    done = subprocess.run(["nm", *options, str(path)], capture_output=True, text=True, check=True)
    return [line.split()[-1].partition("@")[0] for line in done.stdout.splitlines() if line]


def _link(place: Path, to: str) -> None:
    place.unlink(missing_ok=True)
    place.symlink_to(to)


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stderr[-4000:]}")
