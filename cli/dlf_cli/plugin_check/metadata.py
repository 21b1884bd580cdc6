"""What the metadata of the package says."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dlf.plugin.discovery import canonical

from .finding import Finding, error, ok, warning
from .subject import Subject

__all__ = ["check_metadata"]

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_LINE = '[project.entry-points.dlf] with a line NAME = "PACKAGE.plugin"'


def check_metadata(subject: Subject) -> Iterator[Finding]:
    """Entry points, dependency on dlf, requires-python."""
    yield from _entry_points(subject)
    if canonical(subject.distribution) != "dlf":
        yield _dependency(subject)
    yield _python(subject)


def _entry_points(subject: Subject) -> Iterator[Finding]:
    for name, module in subject.plugins:
        yield ok("entry point", f"plugin '{name}' in {module}")
    if not subject.plugins:
        yield error("entry point", "there is none of the group dlf", f"add {_LINE}")
    for group in subject.groups:
        if group != "dlf" and canonical(group).startswith("dlf"):
            todo = "name the group dlf"
            yield warning("entry point", f"dlf does not look at the group {group}", todo)


def _dependency(subject: Subject) -> Finding:
    for requirement in subject.dependencies:
        name = _NAME.match(requirement)
        if name and canonical(name[1]) == "dlf" and "extra ==" not in requirement:
            return ok("metadata", f"requires {requirement}")
    return error("metadata", "dlf is not among its dependencies", 'add "dlf" to them')


def _python(subject: Subject) -> Finding:
    if subject.requires_python:
        return ok("metadata", f"requires Python {subject.requires_python}")
    todo = 'add requires-python = ">=3.11", as dlf has'
    return warning("metadata", "it does not say which Pythons it takes", todo)
