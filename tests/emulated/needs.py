"""What the emulated card is built of, found on this machine or fetched from the package index."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

__all__ = ["Cupy", "MissingError", "compiler", "cupy", "cython", "headers", "source"]

OLDEST = 14
_HEADERS = ("cuda_runtime.h", "cuda.h", "cuda_fp16.h", "cuComplex.h", "crt/host_config.h")


class MissingError(RuntimeError):
    """Something that the emulated card needs is not here; the text says how to get it."""


class Cupy(NamedTuple):
    """The CuPy that is installed: its version, its folder's parent, and CUDA's major version."""

    version: str
    place: Path
    major: int


def compiler() -> str:
    """g++."""
    found = shutil.which("g++")
    if found is None or not sys.platform.startswith("linux"):
        raise MissingError("g++ on Linux is needed: install it, as with `apt-get install g++`")
    return found


def cupy() -> Cupy:
    """The installed CuPy, which is not imported for this."""
    for major in (13, 12):
        try:
            number = version(f"cupy-cuda{major}x")
        except PackageNotFoundError:
            continue
        spec = find_spec("cupy")
        if spec is None or spec.origin is None:
            continue
        place = Path(spec.origin).parent
        if int(number.partition(".")[0]) < OLDEST:
            raise MissingError(f"CuPy {OLDEST} or later is needed, not {number}")
        if not (place / ".data" / "_wheel.json").is_file():
            raise MissingError(f"{place} is not CuPy's wheel: install cupy-cuda{major}x")
        built = json.loads((place / ".data" / "_wheel.json").read_text("utf-8"))["cuda"]
        return Cupy(number, place.parent, int(built.partition(".")[0]))
    raise MissingError(
        f"CuPy is not installed for {sys.executable}: pip install cupy-cuda13x (or cupy-cuda12x); "
        "no card is needed for that"
    )


def headers(major: int) -> list[Path]:
    """Folders that together have CUDA's headers of version `major`."""
    roots = [os.environ.get("CUDA_PATH", ""), f"/usr/local/cuda-{major}", "/usr/local/cuda"]
    for folder in [*(Path(root, "include") for root in roots if root), *_toolkits(major)]:
        if _major(folder) == major and not _absent([folder]):
            return [folder]
    wheels = [folder for folder in _wheels() if _major(folder) in (None, major)]
    if not _absent(wheels):
        return wheels
    crt = "nvcc-cu12" if major == 12 else "crt"
    names = f"nvidia-cuda-runtime{'-cu12' if major == 12 else ''} nvidia-cuda-{crt}"
    raise MissingError(
        f"CUDA's headers of version {major} are needed ({', '.join(_absent(wheels))} not found): "
        f"set CUDA_PATH to a toolkit, or pip install {names}"
    )


def _toolkits(major: int) -> list[Path]:
    return sorted(Path("/usr/local").glob(f"cuda-{major}*/include"), reverse=True)


def _wheels() -> Iterator[Path]:
    """Folders of headers of NVIDIA's wheels."""
    spec = find_spec("nvidia")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        yield from sorted(Path(place).glob("cu*/include"))


def _absent(folders: Sequence[Path]) -> list[str]:
    return [name for name in _HEADERS if not any((one / name).is_file() for one in folders)]


def _major(folder: Path) -> int | None:
    """CUDA's major version, which stands in ``cuda.h``; None where that is not here."""
    try:
        lines = (folder / "cuda.h").read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    told = next((line.split()[-1] for line in lines if line.startswith("#define CUDA_VERSION")), "")
    return int(told) // 1000 if told.isdigit() else None


def source(number: str, cache: Path) -> Path:
    """CuPy's own source of this version, unpacked; DLF_CARD_SOURCE may name it."""
    given = os.environ.get("DLF_CARD_SOURCE")
    if given:
        if not (Path(given) / "cupy_backends").is_dir():
            raise MissingError(f"DLF_CARD_SOURCE={given}: CuPy's source is not there")
        return Path(given)
    target = cache / f"cupy-{number}"
    if not target.is_dir():
        with tempfile.TemporaryDirectory(dir=cache) as work:
            # pip asks a source for its metadata. For that alone CuPy would look for a toolkit.
            what = ["--no-deps", "--no-binary", "cupy", f"cupy=={number}", "-d", work]
            _pip("CuPy's source", ["download", *what], {"CUPY_INSTALL_USE_STUB": "1"})
            (archive,) = Path(work).glob("*.tar.gz")
            with tarfile.open(archive) as packed:
                packed.extractall(work, filter="data")
            os.replace(Path(work) / f"cupy-{number}", target)
    return target


def cython(from_source: Path, cache: Path) -> Path:
    """A folder with the Cython that CuPy's source asks for, and setuptools, which it uses."""
    asked = tomllib.loads((from_source / "pyproject.toml").read_text("utf-8"))
    requirement = next(
        one for one in asked["build-system"]["requires"] if one.lower().startswith("cython")
    )
    plain = "".join(c if c.isalnum() or c in ".-" else "_" for c in requirement)
    target = cache / f"{plain}-{sys.implementation.cache_tag}"
    if not target.is_dir():
        with tempfile.TemporaryDirectory(dir=cache) as work:
            what = ["--no-deps", "--target", f"{work}/made", requirement, "setuptools"]
            _pip("Cython", ["install", *what], {})
            os.replace(f"{work}/made", target)
    return target


def _pip(what: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    if find_spec("pip") is None:
        raise MissingError(f"pip is needed to fetch {what}: {sys.executable} -m ensurepip")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise MissingError(
            f"{what} could not be fetched from the package index (is there a network?):\n"
            + "\n".join(words[-6:])
        )
