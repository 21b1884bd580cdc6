"""A generation is added by copying the one before, and is never built over."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.golden import build


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one generation of one package, in place of the real ones."""
    for name in ("SOURCES", "WHEELS", "SUMS"):
        monkeypatch.setattr(build, name, tmp_path / getattr(build, name).relative_to(build.HERE))
    ignored = shutil.ignore_patterns("__pycache__")
    first = Path("sources", "1.0", "golden_op")
    shutil.copytree(build.HERE / first, tmp_path / first, ignore=ignored)
    (tmp_path / "wheels").mkdir()
    build.freeze("1.0")
    return tmp_path


def test_new_generation_stands_beside_the_old(here: Path) -> None:
    build.begin("1.1")
    assert build.generations() == ["1.0", "1.1"]
    build.freeze("1.1")
    names = [f"golden_op-{generation}-py3-none-any.whl" for generation in ("1.0", "1.1")]
    assert sorted(path.name for path in (here / "wheels").glob("*.whl")) == names
    lines = (here / "wheels" / "SHA256SUMS").read_text().splitlines()
    assert [line.split()[1] for line in lines] == names


def test_what_is_frozen_is_not_replaced(here: Path) -> None:
    before = (here / "wheels" / "SHA256SUMS").read_text()
    source = here / "sources" / "1.0" / "golden_op" / "golden_op" / "ops.py"
    source.write_text(source.read_text("utf-8") + "\nLATER = True\n", "utf-8")
    with pytest.raises(SystemExit, match="is frozen and differs"):
        build.freeze("1.0")
    assert (here / "wheels" / "SHA256SUMS").read_text() == before
