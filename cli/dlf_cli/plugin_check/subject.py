"""`Subject`: the project or distribution to check, as its metadata describes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlf.plugin.discovery import canonical

__all__ = ["Subject", "find_subject"]


@dataclass(frozen=True)
class Subject:
    """What is checked.

    Args:
        distribution, version: as users install it; an empty version where it is made by the build.
        requires_python: the Pythons it takes, such as ``">=3.11"``; empty where it does not say.
        dependencies: its requirements, such as ``"dlf>=0.1"``.
        plugins: name and module of each entry point of the group ``dlf``.
        groups: all groups that it has entry points of.
        paths: folders from which a project's modules are imported; none for what is installed.
    """

    distribution: str
    version: str
    requires_python: str
    dependencies: tuple[str, ...]
    plugins: tuple[tuple[str, str], ...]
    groups: tuple[str, ...]
    paths: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name and version."""
        return f"{self.distribution} {self.version}".rstrip()


def find_subject(where: str) -> Subject:
    """The project in the folder `where`, or the installed distribution of that name.

    LookupError, in a line that says what to do, where there is neither.
    """
    folder = Path(where)
    if (folder / "pyproject.toml").is_file():
        return _project(folder)
    if folder.is_dir() and where not in _installed_names():
        raise LookupError(f"the folder {where} has no pyproject.toml; name a project's folder")
    return _installed(where)


def _project(folder: Path) -> Subject:
    import tomllib

    try:
        settings = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
    except ValueError as error:
        raise LookupError(f"{folder / 'pyproject.toml'}: {error}") from error
    project = settings.get("project")
    if not isinstance(project, Mapping) or "name" not in project:
        raise LookupError(f"{folder / 'pyproject.toml'} has no [project] with a name")
    made = set(project.get("dynamic", ())) & {"dependencies", "entry-points"}
    if made:
        raise LookupError(
            f"{project['name']} lets its build make {' and '.join(sorted(made))}; install it, and "
            f"check it by its name: dlf plugin check {project['name']}"
        )
    groups = project.get("entry-points", {})
    return Subject(
        str(project["name"]),
        str(project.get("version", "")),
        str(project.get("requires-python", "")),
        tuple(map(str, project.get("dependencies", ()))),
        tuple((str(name), str(module)) for name, module in groups.get("dlf", {}).items()),
        tuple(map(str, groups)),
        tuple(str(place.resolve()) for place in _import_places(folder, settings)),
    )


def _import_places(folder: Path, settings: Mapping[str, Any]) -> Iterator[Path]:
    yield folder
    yield folder / "src"
    hatch = settings.get("tool", {}).get("hatch", {}).get("build", {}).get("targets", {})
    for package in hatch.get("wheel", {}).get("packages", ()):
        yield (folder / package).parent


def _installed(name: str) -> Subject:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        found = distribution(name)
    except (PackageNotFoundError, ValueError):
        raise LookupError(
            f"'{name}' is neither a folder with a pyproject.toml nor an installed "
            f"distribution{_hint(name)}"
        ) from None
    points = found.entry_points
    return Subject(
        found.metadata["Name"],
        found.version,
        found.metadata["Requires-Python"] or "",
        tuple(found.requires or ()),
        tuple((point.name, point.value) for point in points if point.group == "dlf"),
        tuple(dict.fromkeys(point.group for point in points)),
    )


def _installed_names() -> list[str]:
    from dlf.plugin.discovery import find_plugins

    return sorted({one.distribution for one in find_plugins()})


def _hint(name: str) -> str:
    from difflib import get_close_matches

    known = _installed_names()
    near = get_close_matches(name, known, 1, 0.6)
    same = [one for one in known if canonical(one) == canonical(f"dlf-{name}")]
    if same or near:
        return f"; did you mean '{(same or near)[0]}'?"
    return f"; with plugins are: {', '.join(known)}"
