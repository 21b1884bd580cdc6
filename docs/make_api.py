"""Writes api.md: every public name of dlf with the first line of its documentation.

To bring it up to date::

    python docs/make_api.py
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

MODULES = [
    "dlf",
    "dlf.autograd",
    "dlf.nn",
    "dlf.nn.functional",
    "dlf.nn.init",
    "dlf.optim",
    "dlf.optim.lr_scheduler",
    "dlf.utils.data",
    "dlf.plugin",
    "dlf.fallback",
    "dlf.errors",
]
PAGE = Path(__file__).with_name("api.md")


def summary(value: object) -> str:
    """The first paragraph of the documentation of a class, function or module; else nothing."""
    if not (inspect.ismodule(value) or callable(value)):
        return ""
    documented = inspect.getdoc(value) or ""
    return " ".join(documented.partition("\n\n")[0].split()).replace("|", "\\|")


def lines() -> Iterator[str]:
    """The page."""
    yield "# The public names"
    yield ""
    yield "Made by `python docs/make_api.py`. What PyTorch has as well behaves as there."
    for name in MODULES:
        module = importlib.import_module(name)
        yield from ("", f"## {name}", "")
        for public in sorted(module.__all__, key=str.lower):
            text = summary(getattr(module, public))
            yield f"- `{public}`" + (f": {text}" if text else "")


def page() -> str:
    """The text of the page."""
    return "\n".join(lines()) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
