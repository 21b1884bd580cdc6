"""Finds the entry points of group ``dlf``.

``importlib.metadata`` costs as much as a third of ``import dlf``, mostly for a parser of e-mail. So
the folders of installed distributions are read directly, and it is asked only where ``sys.path``
holds something other than folders. As with imports, the first distribution of a name on
``sys.path`` hides the others.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Found", "canonical", "find_plugins"]

_BUILT_IN = "dlf"
_FILE = "entry_points.txt"
_GROUP = re.compile(r"^\s*\[\s*dlf\s*\]", re.MULTILINE)
_HEADER = re.compile(r"^(name|version)\s*:\s*(\S+)", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """An entry point: plugin `name` in `module` (``"package.module"`` or
    ``"package.module:object"``).

    `problem` says what is wrong with the entry point itself, if anything is.
    """

    name: str
    module: str
    distribution: str
    version: str
    problem: str = ""

    @property
    def built_in(self) -> bool:
        """Whether it is dlf's own."""
        return canonical(self.distribution) == _BUILT_IN


def canonical(name: str) -> str:
    """`name` of a plugin or distribution, so that spellings that mean the same are equal."""
    return re.sub(r"[-_.]+", "_", name).lower()


def find_plugins() -> list[Found]:
    """All entry points of group ``dlf``: dlf's own first, then by distribution and name."""
    texts = _from_folders() if _plain() else _from_metadata()
    found = [one for text in texts for one in _parse(*text)]
    return sorted(found, key=lambda f: (not f.built_in, canonical(f.distribution), f.name))


def _plain() -> bool:
    """Whether every installed distribution is a folder in a folder of ``sys.path``."""
    from importlib.machinery import PathFinder

    others = (finder for finder in sys.meta_path if finder is not PathFinder)
    return not any(hasattr(f, "find_distributions") for f in others) and not any(
        os.path.isfile(place) or place.endswith(".egg") for place in sys.path
    )


def _from_folders() -> Iterator[tuple[str, str, str]]:
    """Name, version and ``entry_points.txt`` of each distribution that has the group."""
    seen: set[str] = set()
    for place in dict.fromkeys(sys.path):
        try:
            inside = os.listdir(place or ".")
        except OSError:
            continue
        for folder in sorted(inside):
            stem, kind = os.path.splitext(folder)
            if kind not in (".dist-info", ".egg-info"):
                continue
            name, _, rest = stem.partition("-")
            if canonical(name) in seen:
                continue
            seen.add(canonical(name))
            path = os.path.join(place, folder)
            text = _read(path, _FILE)
            if _GROUP.search(text):
                headers = _read(path, "METADATA") or _read(path, "PKG-INFO")
                known = {key.lower(): value for key, value in reversed(_HEADER.findall(headers))}
                yield known.get("name", name), known.get("version", rest.partition("-")[0]), text


def _read(folder: str, file: str) -> str:
    try:
        with open(os.path.join(folder, file), encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def _from_metadata() -> Iterator[tuple[str, str, str]]:
    from importlib.metadata import distributions

    seen: set[str] = set()
    for distribution in distributions():
        name = distribution.metadata["Name"]
        if not name or canonical(name) in seen:
            continue
        seen.add(canonical(name))
        text = distribution.read_text(_FILE) or ""
        if _GROUP.search(text):
            yield name, distribution.version, text


def _parse(distribution: str, version: str, text: str) -> Iterator[Found]:
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[] \t")
        elif group == "dlf" and line and line[0] not in "#;":
            name, _, value = map(str.strip, line.partition("="))
            module = value.partition("[")[0].strip()
            wrong = "" if name and module else f"{_FILE}: {line!r} is not NAME = PACKAGE.MODULE"
            yield Found(name, module, distribution, version, wrong)
