"""Python listings of Markdown documents, and a library standing in for `torch` while one runs."""

from __future__ import annotations

import contextlib
import importlib
import io
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

_FENCE = re.compile(r"^```python[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|\bnan\b|\binf\b")


@dataclass(frozen=True)
class Listing:
    """One fenced block: its document, its place among the document's blocks from 1, its text.

    `blanks` marks a copy whose no-break spaces, which Python refuses, became plain ones.
    """

    document: str
    number: int
    source: str
    blanks: bool = False

    @property
    def name(self) -> str:
        return f"{self.document}-{self.number}" + ("-plain-blanks" if self.blanks else "")

    def with_plain_blanks(self) -> Listing:
        return replace(self, source=self.source.replace("\xa0", " "), blanks=True)


@dataclass(frozen=True)
class Outcome:
    """What a listing printed, the exception that ended it, and the names it left."""

    stdout: str
    error: Exception | None
    names: dict[str, Any]


def find_listings(folder: Path) -> list[Listing]:
    """All Python blocks of the `*.txt` documents in `folder`, in order.

    A block with no-break spaces comes twice, as it stands and with plain ones.
    """
    found = [
        Listing(path.stem, number, match[1])
        for path in sorted(folder.glob("*.txt"))
        for number, match in enumerate(_FENCE.finditer(path.read_text("utf-8")), 1)
    ]
    return found + [one.with_plain_blanks() for one in found if "\xa0" in one.source]


@contextlib.contextmanager
def answered_by(library: ModuleType) -> Iterator[None]:
    """While this holds, `import torch` and imports of its submodules give `library` and its own."""
    own = {library.__name__: library}
    for info in pkgutil.walk_packages(library.__path__, f"{library.__name__}."):
        if not any(part.startswith("_") for part in info.name.split(".")):
            with contextlib.suppress(ImportError):
                own[info.name] = importlib.import_module(info.name)
    hidden = {k: v for k, v in sys.modules.items() if k == "torch" or k.startswith("torch.")}
    for name in hidden:
        del sys.modules[name]
    for name, module in own.items():
        sys.modules["torch" + name.removeprefix(library.__name__)] = module
    try:
        yield
    finally:
        for name in [k for k in sys.modules if k == "torch" or k.startswith("torch.")]:
            del sys.modules[name]
        sys.modules.update(hidden)


def run(
    listing: Listing, library: ModuleType, supply: Mapping[str, Callable[[ModuleType], Any]]
) -> Outcome:
    """Execute `listing` as a script with `torch` answered by `library`.

    It starts with the names of `supply`, each made by `supply[name](library)`.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    names.update((name, make(library)) for name, make in supply.items())
    printed, error = io.StringIO(), None
    imports = contextlib.nullcontext() if library.__name__ == "torch" else answered_by(library)
    with imports, contextlib.redirect_stdout(printed):
        try:
            exec(compile(listing.source, listing.name, "exec"), names)
        except Exception as caught:
            error = caught
    return Outcome(printed.getvalue(), error, names)


def split_numbers(text: str) -> tuple[str, list[float]]:
    """The text with a mark for each number and its blanks evened out, and the numbers."""
    shape = " ".join(_NUMBER.sub("#", text).split())
    return shape, [float(number) for number in _NUMBER.findall(text)]
