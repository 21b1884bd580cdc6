"""Entry points are found without ``importlib.metadata``, and the same ones that it finds."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from dlf.plugin import discovery
from dlf.plugin.discovery import Found, find_plugins


def install(place: Path, name: str, version: str, entries: str) -> None:
    folder = place / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n\nName: not-this\n"
    )
    (folder / "entry_points.txt").write_text(entries)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [str(tmp_path / "first"), str(tmp_path / "second")])
    # Test runners add finders of their own, which would send discovery to importlib.metadata.
    monkeypatch.setattr(discovery, "_plain", lambda: True)
    return tmp_path


def test_reads_names_versions_and_modules(place: Path) -> None:
    install(place / "first", "dlf-a", "1.2", "[other]\nx = y\n\n[dlf]\n# no\nnpu = a.plugin:here\n")
    assert find_plugins() == [Found("npu", "a.plugin:here", "dlf-a", "1.2")]


def test_order_is_dlf_first_then_alphabetical(place: Path) -> None:
    install(place / "first", "dlf-z", "1", "[dlf]\na = z\n")
    install(place / "first", "a-plugin", "1", "[dlf]\nb = m\na = m\n")
    install(place / "second", "dlf", "1", "[dlf]\nown = own\n")
    found = [(one.distribution, one.name) for one in find_plugins()]
    assert found == [("dlf", "own"), ("a-plugin", "a"), ("a-plugin", "b"), ("dlf-z", "a")]


def test_first_distribution_on_the_path_hides_the_second(place: Path) -> None:
    install(place / "first", "dlf-a", "2", "[console_scripts]\nx = y\n")
    install(place / "second", "Dlf.A", "1", "[dlf]\nold = old\n")
    assert find_plugins() == []


def test_unreadable_line_is_told_not_raised(place: Path) -> None:
    install(place / "first", "dlf-a", "1", "[dlf]\nnonsense\nfine = m\n")
    found = {one.name: one.problem for one in find_plugins()}
    assert found["fine"] == ""
    assert "nonsense" in found["nonsense"]


def test_agrees_with_the_standard_library() -> None:
    expected = {
        (e.name, e.value, e.dist.name, e.dist.version)
        for e in entry_points(group="dlf")
        if e.dist is not None
    }
    for texts in (discovery._from_folders(), discovery._from_metadata()):
        found = [one for text in texts for one in discovery._parse(*text)]
        assert {(f.name, f.module, f.distribution, f.version) for f in found} == expected


def test_standard_library_is_not_needed_for_folders() -> None:
    code = (
        "import sys; from dlf.plugin import get_host; get_host().records();"
        "assert 'importlib.metadata' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_of_the_contract_needs_neither_pluggy_nor_metadata() -> None:
    code = (
        "import sys, numpy; from dlf.plugin import Backend, BackendSpec, Caps, Probe;"
        "assert not {'pluggy', 'importlib.metadata'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_archive_on_the_path_is_read_by_the_standard_library(tmp_path: Path) -> None:
    import zipfile

    archive = tmp_path / "plugins.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zipped.py", "")
        file.writestr("dlf_zipped-3.dist-info/METADATA", "Name: dlf-zipped\nVersion: 3\n")
        file.writestr("dlf_zipped-3.dist-info/entry_points.txt", "[dlf]\nzipped = zipped\n")
    code = (
        f"import sys; sys.path.append({str(archive)!r})\n"
        "from dlf.plugin.discovery import Found, find_plugins\n"
        "assert Found('zipped', 'zipped', 'dlf-zipped', '3') in find_plugins()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
