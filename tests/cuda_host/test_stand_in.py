"""The stand-in of CuPy has no name that CuPy has not."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

PLACE = Path(__file__).parent / "doubles" / "over_numpy"
CUDA = PLACE / "cupy" / "cuda"
OWN = {"CARDS", "MEMORY", "used"}


def public(file: Path) -> set[str]:
    """Names that a file of the stand-in defines."""
    found: set[str] = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {one.id for one in node.targets if isinstance(one, ast.Name)}
    return {name for name in found if not name.startswith("_")} - OWN


def members(file: Path, kind: str) -> set[str]:
    """Public members of class `kind` of a file of the stand-in."""
    tree = ast.parse(file.read_text("utf-8"))
    body = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == kind).body
    found = {n.name for n in body if isinstance(n, ast.FunctionDef)}
    found |= {t.id for n in body if isinstance(n, ast.Assign) for t in n.targets}  # type: ignore[attr-defined]  # the stand-in assigns plain names
    return {name for name in found if not name.startswith("_")}


@pytest.mark.parametrize(
    ("file", "module"),
    [
        (CUDA / "__init__.py", "cupy.cuda"),
        (CUDA / "runtime.py", "cupy.cuda.runtime"),
        (CUDA / "memory.py", "cupy.cuda.memory"),
        (CUDA / "pinned_memory.py", "cupy.cuda.pinned_memory"),
        (PLACE / "cupy" / "__init__.py", "cupy"),
        (PLACE / "cupyx" / "__init__.py", "cupyx"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_modules(file: Path, module: str) -> None:
    pytest.importorskip("cupy", reason="CuPy is not installed")
    assert not {name for name in public(file) if not hasattr(import_module(module), name)}


@pytest.mark.parametrize(
    ("file", "kind", "real"),
    [
        ("streams.py", "Stream", "cupy.cuda:Stream"),
        ("streams.py", "Event", "cupy.cuda:Event"),
        ("streams.py", "Graph", "cupy.cuda:Graph"),
        ("memory.py", "MemoryPool", "cupy.cuda:MemoryPool"),
        ("pinned_memory.py", "PinnedMemoryPool", "cupy.cuda:PinnedMemoryPool"),
        ("__init__.py", "Device", "cupy.cuda:Device"),
        ("../array.py", "ndarray", "cupy:ndarray"),
    ],
)
def test_classes(file: str, kind: str, real: str) -> None:
    pytest.importorskip("cupy", reason="CuPy is not installed")
    module, _, name = real.partition(":")
    target = getattr(import_module(module), name)
    assert not {one for one in members(CUDA / file, kind) if not hasattr(target, one)}


def test_functions() -> None:
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    texts = [
        node.func.value.value
        for node in ast.walk(ast.parse((PLACE / "cupy" / "functions.py").read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "split"
        and isinstance(node.func.value, ast.Constant)
    ]
    names = " ".join(map(str, texts)).split()
    assert len(names) > 70
    assert not [name for name in names if not hasattr(cupy, name)]


def test_tables_over_the_real_cupy() -> None:
    """The backend's tables are put together of names that CuPy has; no card is asked."""
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    import numpy as np

    from dlf import xp
    from dlf_cupy_gpu import elementwise, scatter
    from dlf_cupy_gpu.backend import CupyBackend
    from dlf_cupy_gpu.module import CupyModules

    base = xp.kernels(np)
    assert elementwise.kernels(base).keys() - base.keys() == set()
    assert callable(scatter.adder())
    assert CupyBackend()._own(CupyModules(cupy, base))
