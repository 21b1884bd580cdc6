"""The version of the kernel API, and whether a plugin's `requires_api` accepts it.

Within a major, every new op comes with a decomposition and every old kernel keeps its meaning. A
plugin built for a newer minor therefore runs here as well, so lower bounds compare majors only.
"""

from __future__ import annotations

import re

__all__ = ["KERNEL_API", "accepts", "newer_minor"]

KERNEL_API: tuple[int, int] = (1, 0)
"""The kernel API that this dlf gives, as (major, minor)."""

_CLAUSE = re.compile(r"(>=|<=|==|!=|~=|>|<)\s*(\d+)(?:\.(\d+))?(?:\.\d+)*(\.\*)?")


def accepts(requires: str, api: tuple[int, int] = KERNEL_API) -> bool:
    """Whether `requires`, such as ``">=1.2,<2"``, accepts the kernel API `api`.

    Clauses are those of Python packages (PEP 440) on two numbers; an empty string accepts
    everything. A lower bound within `api`'s own major always holds. ValueError for text that is no
    such list.
    """
    return all(_holds(*clause, api) for clause in _clauses(requires))


def newer_minor(requires: str, api: tuple[int, int] = KERNEL_API) -> bool:
    """Whether `requires` asks for a later minor of `api`'s major, as a plugin built for it does."""
    return any(
        sign in (">=", "~=") and version[0] == api[0] and version > api
        for sign, version, _ in _clauses(requires)
    )


def _clauses(requires: str) -> list[tuple[str, tuple[int, int], bool]]:
    clauses = []
    for text in filter(None, map(str.strip, requires.split(","))):
        match = _CLAUSE.fullmatch(text)
        if match is None or (match[4] and match[1] not in ("==", "!=")):
            raise ValueError(
                f"requires_api {requires!r}: {text!r} cannot be read; write '>=1.0,<2' or so"
            )
        any_minor = bool(match[4]) and match[3] is None
        clauses.append((match[1], (int(match[2]), int(match[3] or 0)), any_minor))
    return clauses


def _holds(sign: str, version: tuple[int, int], any_minor: bool, api: tuple[int, int]) -> bool:
    if sign in (">=", ">"):
        return api[0] >= version[0]
    if sign == "~=":
        return api[0] == version[0]
    if sign == "<":
        return api < version
    if sign == "<=":
        return api <= version
    same = api[0] == version[0] if any_minor else api == version
    return same if sign == "==" else not same
