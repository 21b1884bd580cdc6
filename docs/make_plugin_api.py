"""Writes plugin-api.md: the classes of `dlf.plugin`, the hooks and the services, in full.

To bring it up to date::

    python docs/make_plugin_api.py
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlf.plugin
from dlf.plugin import hookspecs, services

PAGE = Path(__file__).with_name("plugin-api.md")


def text(documented: object) -> list[str]:
    """The documentation: argument lists as Markdown's, examples as code."""
    made: list[str] = []
    code = False
    for line in (inspect.getdoc(documented) or "").splitlines():
        example = line.startswith(">>>") or (code and line.startswith("..."))
        if example is not code:
            made.append("```python" if example else "```")
            code = example
        if example:
            made.append(line[4:].replace("  # doctest: +SKIP", ""))
        elif line.startswith("    ") and not line.startswith("     "):
            name, colon, rest = line.strip().partition(":")
            made.append(f"- `{name}`:{rest}" if colon else f"  {line.strip()}")
        elif line in ("Args:", "Attributes:", "Raises:"):
            made += [line, ""]
        else:
            made.append(line.replace("        ", "  ", 1))
    return [*made, "```"] if code else made


def signature(function: Any, name: str) -> str:
    """The call without annotations, which the text explains."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return f"`{name}`"
    plain = [p.replace(annotation=p.empty) for p in parameters if p.name not in ("self", "cls")]
    # A function among the defaults prints with its address.
    shown = [p.name if callable(p.default) and p.default is not p.empty else str(p) for p in plain]
    return f"`{name}({', '.join(shown)})`"


def members(kind: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties that `kind` defines itself."""
    for name, value in vars(kind).items():
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
            yield name, value


def of_class(kind: type, level: str = "##") -> Iterator[str]:
    """A class with its methods."""
    yield from (f"{level} {kind.__name__}", "")
    if not inspect.isabstract(kind) and not getattr(kind, "_is_protocol", False):
        yield from (signature(kind, kind.__name__), "")
    yield from (*text(kind), "")
    for name, value in members(kind):
        title = f"`{name}`" if isinstance(value, property) else signature(value, name)
        yield from (f"{level}# {title}", "", *text(value), "")


def lines() -> Iterator[str]:
    """The page."""
    yield from ("# The classes and hooks of dlf.plugin", "")
    yield from (
        "Made by `python docs/make_plugin_api.py`. How they are used: [plugins.md](plugins.md).",
        "",
    )
    for name in dlf.plugin.__all__:
        value = getattr(dlf.plugin, name)
        if inspect.isclass(value) and value.__module__.startswith("dlf."):
            yield from of_class(value)
    yield from ("## Hooks", "", "A hook may leave out parameters that it does not read.", "")
    for name, value in vars(hookspecs).items():
        if name.startswith("dlf_"):
            yield from (f"### {signature(value, name)}", "", *text(value), "")
    yield from ("## Services", "", "What `Backend.services` may hold, by name.", "")
    for name in services.__all__:
        if inspect.isclass(value := getattr(services, name)):
            yield from of_class(value, "###")


def page() -> str:
    """The text of the page."""
    made = "\n".join(line.rstrip() for line in lines())
    while "\n\n\n" in made:
        made = made.replace("\n\n\n", "\n\n")
    return made.rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
