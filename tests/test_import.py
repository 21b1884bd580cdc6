"""`import dlf`: what it may load, and what core may import and name."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dlf

CORE = Path(dlf.__file__).parent
SOURCES = sorted(CORE.rglob("*.py"))
ALLOWED = set(sys.stdlib_module_names) | {"dlf", "ml_dtypes", "numpy", "pluggy"}
# Optional, and looked for only when `set_num_threads` is called: NumPy has no call of its own that
# limits its BLAS library's threads, and without threadpoolctl the function does nothing.
OPTIONAL = {("__init__.py", "set_num_threads", "threadpoolctl")}
# Each costs milliseconds at start-up, and nothing on the way to a tensor needs it.
HEAVY = {
    "asyncio",
    "click",
    "concurrent.futures",
    "dlf_numpy_cpu",
    "importlib.metadata",
    "multiprocessing",
    "pluggy",
    "rich",
    "torch",
}

# pytest itself loads this one: its tests of a device.
PYTEST = {"conform/suite.py": {"pytest"}}


def loaded_by(statement: str, after: str) -> set[str]:
    """Modules that `statement` loads in a fresh interpreter that ran `after` before."""
    code = (
        f"import sys\n{after}\nbefore = set(sys.modules)\n{statement}\n"
        "print('\\n'.join(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.lineno, node.module or ""


def test_import_loads_nothing_heavy() -> None:
    loaded = loaded_by("import dlf", after="import numpy, ml_dtypes")
    assert "dlf" in loaded
    assert not loaded & HEAVY


def test_a_tensor_needs_no_plugin_discovery() -> None:
    """The built-in device is found without reading any distribution's metadata."""
    loaded = loaded_by("import dlf; assert dlf.ones(2).sum().item() == 2", after="import numpy")
    assert "dlf_numpy_cpu" in loaded
    assert not loaded & {"importlib.metadata", "torch"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CORE)))
def test_core_imports_only_what_it_may(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    file = str(path.relative_to(CORE))
    optional = {
        (line, name)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for line, name in imports(function)
        if (file, function.name, name) in OPTIONAL
    }
    allowed = ALLOWED | PYTEST.get(file, set())
    wrong = [
        (line, name)
        for line, name in imports(tree)
        if name.split(".")[0] not in allowed and (line, name) not in optional
    ]
    assert not wrong


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CORE)))
def test_core_names_no_device(path: Path) -> None:
    text = path.read_text("utf-8").lower()
    lines = [n for n, line in enumerate(text.splitlines(), 1) if "cuda" in line or "cupy" in line]
    assert not lines


def test_hot_path_does_not_know_pluggy() -> None:
    """Only the plugin host does; after a device's table is full, nothing asks it again."""
    users = {
        path.relative_to(CORE).parts[0]
        for path in SOURCES
        if any(name.split(".")[0] == "pluggy" for _, name in imports(ast.parse(path.read_text())))
    }
    assert users <= {"plugin"}


def test_public_names_exist() -> None:
    assert len(set(dlf.__all__)) == len(dlf.__all__)
    missing = [name for name in dlf.__all__ if not hasattr(dlf, name)]
    assert not missing
