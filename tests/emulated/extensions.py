"""The two extension modules of CuPy's that the emulated card has its own builds of.

`cupy_backends.cuda.api.runtime` holds CUDA's runtime within itself, where it cannot be replaced: it
is built again from CuPy's source, against `libcard`. `cupy.cuda.function` is built with something
added: it tells the card how large the arguments of a launch are, which CUDA's interface does not.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

import needs

__all__ = ["MODULES", "build"]

MODULES = ("cupy_backends.cuda.api.runtime", "cupy.cuda.function")

_DECLARED = '''

cdef extern from *:
    """
    extern "C" void card_arguments_begin();
    extern "C" void card_argument(int size, int kind);
    """
    void card_arguments_begin() nogil
    void card_argument(int size, int kind) nogil


cdef _note(x, CPointer given):
    cdef object dtype = None
    if isinstance(given, _scalar.CScalar):
        dtype = (<_scalar.CScalar>given).descr
    elif isinstance(given, CNumpyArray):
        dtype = x.dtype
    if dtype is not None:
        kind = {"f": "f", "i": "i", "u": "i", "b": "i"}.get(dtype.kind, "0")
        card_argument(dtype.itemsize, ord(kind))
    elif isinstance(x, (_ndarray_base, MemoryPointer)):
        card_argument(0, ord("a"))
    else:
        card_argument(8 if x is None else 0, ord("0"))
'''

# What is found in `function.pyx`, each once, and what is put behind it.
_ADDED = {
    "from cupy.cuda import device\n": _DECLARED,
    "    kargs.reserve(len(args))\n": "    card_arguments_begin()\n",
    "        pargs.append(cp)  # keep the CPointer objects alive\n": "        _note(a, cp)\n",
}

# Without setuptools Python has no distutils from 3.12 on, which Cython uses.
_TRANSLATE = """
import sys
sys.path.insert(0, sys.argv[1])
import setuptools
from Cython.Build import cythonize
from Cython.Compiler import Version
name, path = sys.argv[2:4]
macros = dict(CUPY_USE_CUDA_PYTHON=False, CUPY_CUFFT_STATIC=False, CUPY_HIP_VERSION=0)
macros |= dict(CUPY_CYTHON_VERSION=Version.version, CUPY_CUDA_VERSION=int(sys.argv[4]))
extension = setuptools.Extension(name, [path], language="c++")
cythonize([extension], compile_time_env=macros, language_level=3)
"""


def build(
    name: str, installed: needs.Cupy, cache: Path, include: Path, compiler: str, target: Path
) -> None:
    """Make the extension module `name` as `target`."""
    source = needs.source(installed.version, cache)
    cython = needs.cython(source, cache)
    path = Path(*name.split("."))
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        tree = Path(folder)
        _copy(source, tree)
        if name == MODULES[1]:
            _add((tree / path).with_suffix(".pyx"))
        translated = [str(cython), name, f"{path}.pyx", str(installed.major * 1000)]
        _run([sys.executable, "-c", _TRANSLATE, *translated], tree)
        made = _compiled(compiler, f"{path}.cpp", include, tree)
        made.rename(target)


def _compiled(compiler: str, file: str, include: Path, tree: Path) -> Path:
    """The extension module of a C++ file, which asks for a `libcard` that is built later."""
    import numpy  # Not before it is known that CuPy is installed, which needs it.

    shared = [compiler, "-shared", "-fPIC", "-w"]
    _run([*shared, "-x", "c++", "/dev/null", "-o", "libcard.so", "-Wl,-soname,libcard.so"], tree)
    ours = Path(__file__).parent / "include"
    places = [sysconfig.get_paths()["include"], include, numpy.get_include(), ours]
    flags = ["-O2", "-std=c++17", *(f"-I{place}" for place in places)]
    library = ["-L.", "-Wl,--no-as-needed", "-lcard", "-Wl,--unresolved-symbols=ignore-all"]
    _run([*shared, *flags, file, "-o", "made.so", *library], tree)
    return tree / "made.so"


def _copy(source: Path, tree: Path) -> None:
    """Copy what Cython needs of CuPy's source, to be changed."""
    kinds = ("*.pyx", "*.pxd", "*.pxi", "*.h", "*.hpp", "*.cuh", "*.py")

    def others(at: str, names: list[str]) -> list[str]:
        files = [one for one in names if not Path(at, one).is_dir()]
        return [one for one in files if not any(Path(one).match(kind) for kind in kinds)]

    for part in ("cupy", "cupy_backends"):
        shutil.copytree(source / part, tree / part, ignore=others)


def _add(path: Path) -> None:
    text = path.read_text("utf-8")
    for line, more in _ADDED.items():
        if text.count(line) != 1:
            raise needs.MissingError(
                f"this version of CuPy has another {path.name} than the emulated card knows: "
                f"{line.strip()!r} is not in it once"
            )
        text = text.replace(line, line + more)
    path.write_text(text, "utf-8")


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[:3]} failed:\n{(done.stdout + done.stderr)[-4000:]}")
