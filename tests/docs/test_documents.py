"""The documents tell the truth: links lead somewhere, code is the tree's or runs."""

from __future__ import annotations

import ast
import re
import runpy
import textwrap
from pathlib import Path

import pytest

import dlf
from dlf.registry import registry

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")
_PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def python_blocks(path: Path) -> list[str]:
    return _PYTHON.findall(path.read_text("utf-8"))


def flat(source: str) -> str:
    return " ".join(source.split())


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    targets = _LINK.findall(path.read_text("utf-8"))
    assert [t for t in targets if not (path.parent / t).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_python_parses(path: Path) -> None:
    for block in python_blocks(path):
        ast.parse(textwrap.dedent(block))


def test_readme_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The training example runs as printed, and learns."""
    monkeypatch.chdir(tmp_path)
    block = next(b for b in python_blocks(ROOT / "README.md") if "optimizer.step()" in b)
    names: dict[str, object] = {}
    exec(compile(block, "README.md", "exec"), names)
    model, (images, labels) = names["model"], names["test"].tensors  # type: ignore[attr-defined]  # a dataset
    assert (model(images).argmax(1) == labels).float().mean().item() > 0.95  # type: ignore[operator]  # a Module
    assert set(dlf.load("digits.dlf")) == {"1.weight", "1.bias", "3.weight", "3.bias"}


def test_contributing_shows_the_tree() -> None:
    """Code in CONTRIBUTING.md stands in the files that the page links to."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    files = [ROOT / t for t in _LINK.findall(text) if t.endswith(".py")]
    sources = [flat(file.read_text("utf-8")) for file in files]
    for block in python_blocks(ROOT / "CONTRIBUTING.md"):
        for part in ast.parse(block).body:
            shown = "\n".join(block.splitlines()[_first_line(part) - 1 : part.end_lineno])
            assert any(flat(shown) in source for source in sources), shown


def _first_line(part: ast.stmt) -> int:
    decorators = getattr(part, "decorator_list", [])
    return min([part.lineno, *(d.lineno for d in decorators)])


def test_contract_names_every_primitive() -> None:
    text = (ROOT / "docs" / "kernel-contract.md").read_text("utf-8")
    named = set(re.findall(r"\b[a-z][a-z0-9_]*\b", " ".join(re.findall(r"`([^`]+)`", text))))
    primitives = {op.name for op in registry if op.kind == "primitive"}
    assert sorted(primitives - named) == []


def test_contract_page_has_every_op_of_the_registry() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_contract.py"))
    written = (ROOT / "docs" / "kernel-contract.md").read_text("utf-8")
    assert made["page"]() == written, "run `python docs/make_contract.py`"


def test_plugin_page_has_every_class_and_hook() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_plugin_api.py"))
    written = (ROOT / "docs" / "plugin-api.md").read_text("utf-8")
    assert made["page"]() == written, "run `python docs/make_plugin_api.py`"


def test_api_page_lists_the_public_names() -> None:
    """Names only: a better docstring does not make the page wrong."""
    made = runpy.run_path(str(ROOT / "docs" / "make_api.py"))
    pages = (made["page"](), (ROOT / "docs" / "api.md").read_text("utf-8"))
    new, written = (re.findall(r"^(?:- `|## )[\w.]+", page, re.MULTILINE) for page in pages)
    assert new == written, "run `python docs/make_api.py`"
