"""The Python packages that a process sees before the installed ones: CuPy's, by links."""

from __future__ import annotations

import os
import sysconfig
import tomllib
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path

__all__ = ["REPOSITORY", "absent_plugins", "overlay"]

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]


def overlay(overlay: Path, place: Path, made: Mapping[str, Path]) -> None:
    """CuPy's packages by links, with what is replaced; they come before the installed ones."""
    for package in ("cupy", "cupy_backends"):
        for folder, names, files in os.walk(place / package):
            names[:] = [name for name in names if name != "__pycache__"]
            here = overlay / Path(folder).relative_to(place)
            here.mkdir(parents=True)
            for name in files:
                (here / name).symlink_to(Path(folder, name))
    ours = HERE / "overlay"
    for name, path in made.items():
        _replace(overlay / Path(*name.split(".")), path)
    _replace(overlay / "cupy" / "cuda" / "thrust", ours / "thrust.py")
    (overlay / "cuda" / "pathfinder").mkdir(parents=True)
    (overlay / "cuda" / "pathfinder" / "__init__.py").symlink_to(ours / "pathfinder.py")
    _plugins(overlay)


def _replace(stem: Path, by: Path) -> None:
    for old in stem.parent.glob(f"{stem.name}.*"):
        if old.suffix in (".so", ".py"):
            old.unlink()
    suffix = by.suffix if by.suffix == ".py" else sysconfig.get_config_var("EXT_SUFFIX")
    (stem.parent / f"{stem.name}{suffix}").symlink_to(by)


def absent_plugins() -> dict[str, str]:
    """Plugins of this checkout that no installed dlf names."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    known = {one.name for one in entry_points(group="dlf")}
    return {n: module for n, module in project["entry-points"]["dlf"].items() if n not in known}


def _plugins(overlay: Path) -> None:
    """Make the checkout's plugins known where dlf is not installed, or was before they came."""
    absent = absent_plugins()
    if not absent:
        return
    information = overlay / "dlf_emulated-0.1.dist-info"
    information.mkdir()
    about = "Metadata-Version: 2.1\nName: dlf-emulated\nVersion: 0.1\n"
    (information / "METADATA").write_text(about)
    lines = "".join(f"{name} = {module}\n" for name, module in absent.items())
    (information / "entry_points.txt").write_text(f"[dlf]\n{lines}")
