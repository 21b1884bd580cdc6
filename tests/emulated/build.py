"""Builds the emulated card into a folder of the user's cache, and tells how to run with it.

Nothing is written into the checkout or into the installed CuPy. What is built depends on the card's
sources, CuPy's version, Python's, CUDA's headers and the compiler, and is kept by these.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import extensions
import kernels
import libraries
import needs
import packages

__all__ = ["build", "environment"]

HERE = Path(__file__).resolve().parent
SOURCES = ("core", "backends/*", "plugins/*", "cli")


def build() -> Path:
    """The folder of the built card; takes a minute or two the first time."""
    compiler, installed = needs.compiler(), needs.cupy()
    headers = needs.headers(installed.major)
    cache = _cache()
    tools = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True)
    about = [*installed, *headers, tools.stdout, sys.version, sysconfig.get_paths()["include"]]
    about += sorted(packages.absent_plugins())
    names = ("build", "extensions", "kernels", "libraries", "packages")
    scripts = [HERE / f"{name}.py" for name in names]
    files = [*libraries.CARD.iterdir(), *libraries.SHIM.iterdir(), *(HERE / "overlay").iterdir()]
    key = _digest([*map(str, about)], [*scripts, *files])
    home = cache / f"card-cuda{installed.major}-{installed.version}-{key}"
    with _locked(cache / "build.lock"):
        if not (home / "done").exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            print(f"building the emulated card in {home}", file=sys.stderr, flush=True)
            _make(home, cache, compiler, installed, headers)
            (home / "done").touch()
    return home


def environment(home: Path) -> dict[str, str]:
    """What a process's environment must hold to see the card."""
    repository = packages.REPOSITORY
    found = [path for pattern in SOURCES for path in sorted(repository.glob(pattern))]
    roots = [str(path) for path in (*found, repository)]
    # Under names that the tests of dlf leave in the environment.
    given = {name: value for name, value in os.environ.items() if name.startswith("DLF_CARD_")}
    handed = {name.replace("DLF", "EMULATED", 1): value for name, value in given.items()}
    return handed | {
        "LD_LIBRARY_PATH": _joined([str(home / "lib")], "LD_LIBRARY_PATH"),
        "PYTHONPATH": _joined([str(home / "overlay"), *roots], "PYTHONPATH"),
        "CUDA_PATH": str(home),
        # What CuPy has kept is not compiled again, and would not be shown to a real NVRTC.
        "CUPY_CACHE_DIR": str(home / ("cupy-nvrtc" if "DLF_CARD_NVRTC" in given else "cupy")),
        # CUB and cuTENSOR are libraries of machine code for cards.
        "CUPY_ACCELERATORS": "",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    }


def _cache() -> Path:
    given = os.environ.get("XDG_CACHE_HOME")
    for parent in (Path(given) if given else Path.home() / ".cache", Path(tempfile.gettempdir())):
        folder = parent / f"dlf-card-{os.getuid()}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            continue
        return folder
    raise needs.MissingError("there is no folder to build in: set XDG_CACHE_HOME")


def _joined(first: Iterable[str], name: str) -> str:
    return os.pathsep.join([*first, *filter(None, [os.environ.get(name)])])


def _digest(texts: Iterable[str], files: Iterable[Path]) -> str:
    found = hashlib.sha256("\0".join(texts).encode())
    for path in sorted(files):
        if path.is_file():
            found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:12]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Other processes that need the same wait."""
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(
    home: Path, cache: Path, compiler: str, installed: needs.Cupy, headers: list[Path]
) -> None:
    include = home / "include"
    for name in ("include", "jobs", "cupy"):
        (home / name).mkdir()
    for folder in headers:
        for path in folder.iterdir():
            if not (include / path.name).exists():
                (include / path.name).symlink_to(path)
    made = _extensions(cache, compiler, installed, include, headers)
    cublas = next((installed.place / "cupy_backends/cuda/libs").glob("cublas.*.so"))
    cupy = installed.place / "cupy" / "_core" / "include"
    # CuPy brings the parts of CUDA's headers that are in C++.
    bundled = [cupy / "cupy" / "_cccl" / name for name in ("cub", "thrust", "libcudacxx")]
    places = [libraries.CARD, *bundled, cupy, include]
    callers = made[extensions.MODULES[0]], cublas
    libraries.build(home, compiler, installed.major, places, *callers)
    packages.overlay(home / "overlay", installed.place, made)
    macro = f"-DCARD_CUDA_MAJOR={installed.major}"
    prefix = libraries.prefix(home, compiler, [*kernels.LENIENT, macro], places)
    # Kernels outlive a build whose headers are the same.
    about = [installed.version, *map(str, headers)]
    card, shim = libraries.CARD.glob("*.h"), libraries.SHIM.glob("*.h")
    stamps = {"card_stamp": _digest(about, card), "shim_stamp": _digest([], shim)}
    (cache / "kernels").mkdir(exist_ok=True)
    folders = {"shim": libraries.SHIM, "card": libraries.CARD, "prefix": prefix}
    folders |= {"lib": home / "lib", "kernels": cache / "kernels", "home": home}
    configuration = {name: str(path) for name, path in folders.items()}
    configuration |= {"compiler": compiler, "macro": macro, **stamps}
    (home / "kernels.json").write_text(json.dumps(configuration, indent=1))
    _script(home)


def _extensions(
    cache: Path, compiler: str, installed: needs.Cupy, include: Path, headers: list[Path]
) -> dict[str, Path]:
    """CuPy's extension modules that are built anew; they outlive changes of the card."""
    about = [installed.version, str(installed.major), sys.version, *map(str, headers)]
    folder = cache / f"extensions-{_digest(about, [HERE / 'extensions.py'])}"
    folder.mkdir(exist_ok=True)
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    made = {name: folder / f"{name}{suffix}" for name in extensions.MODULES}
    for name, target in made.items():
        if not target.exists():
            extensions.build(name, installed, cache, include, compiler, target)
    return made


def _script(home: Path) -> None:
    """What the library starts as a compiler, without the emulated card in its environment."""
    script = home / "compile"
    python = [sys.executable, "-I", "-S", str(HERE / "kernels.py"), str(home / "kernels.json")]
    command = shlex.join(["env", "-u", "LD_LIBRARY_PATH", "-u", "LD_PRELOAD", *python])
    script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    script.chmod(0o755)
