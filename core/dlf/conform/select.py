"""Which cases are run: the kit's own and those of plugins, by level, op and name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from ..devices import device as Device
from ..errors import UnknownNameError
from ..plugin.host import get_host
from ..plugin.states import PluginRecord, PluginState
from ..registry import registry
from .case import GROUPS, Case
from .levels import groups, required_cases
from .subject import Subject

__all__ = ["cases_for", "plugin_cases", "select", "why_not"]

# Groups whose cases test the kernel of one op.
_OF_KERNELS = frozenset({"L1", "L2", "linalg", "fft", "random"})


def select(subject: Subject, level: str | None, op: str = "*", case: str = "*") -> list[Case]:
    """The cases of `level` whose op matches the glob `op`, and whose name the glob `case`.

    `case` may be a name as it stands, whatever characters it has. UnknownNameError if nothing
    matches.
    """
    found = cases_for(subject, level)
    if case != "*":
        exact = [one for one in found if one.name == case]
        named = exact or [one for one in found if fnmatchcase(one.name, case)]
        if not named:
            raise _none("case", case, [one.name for one in found])
        found = named
    if op != "*":
        chosen = [one for one in found if fnmatchcase(one.op, op)]
        if not chosen:
            raise _none("op", op, [one.op for one in found if one.op] or [o.name for o in registry])
        found = chosen
    return found


def cases_for(subject: Subject, level: str | None) -> list[Case]:
    """All cases of `level`, those of plugins last; the order is that of the kit's modules.

    ValueError for two cases of one name.
    """
    from .cases import all_cases

    wanted = frozenset(groups(subject, level))
    own = [*required_cases(level), *all_cases(subject)]
    twice = [name for name, count in Counter(one.name for one in own).items() if count > 1]
    if twice:
        raise ValueError(f"two cases have the name {twice[0]!r}")
    names = {one.name for one in own}
    found = [*own, *plugin_cases(subject.device, names)]
    return [one for one in found if one.group in wanted]


def plugin_cases(device: Device, taken: Iterable[str] = ()) -> Iterator[Case]:
    """The cases that plugins bring for `device`.

    A hook that raises, and what is no case or has a name that is `taken`, becomes a case that fails
    with the plugin's name.
    """
    host = get_host()
    taken = set(taken)
    working = [one for one in host.records() if one.state is not PluginState.BROKEN]
    given: list[tuple[PluginRecord, object]] = list(host.conform_cases(device))
    for record in working:
        if record.state is PluginState.BROKEN:
            yield _wrong(record, record.reason)
    for at, (record, case) in enumerate(given):
        if not isinstance(case, Case) or case.group not in GROUPS:
            what = f"group {case.group!r}" if isinstance(case, Case) else repr(case)
            yield _wrong(record, f"dlf_conform_cases gave {what}; expected cases", at)
        elif case.name in taken:
            yield _wrong(record, f"the name '{case.name}' is taken", at)
        else:
            taken.add(case.name)
            yield case


def _wrong(record: PluginRecord, why: str, at: int | None = None) -> Case:
    tail = "" if at is None else f"/{at}"
    return Case(f"plugin/{record.name}/cases{tail}", partial(_fail, f"{record.label}: {why}"), "L0")


def _fail(message: str, subject: Subject) -> None:
    raise AssertionError(message)


def why_not(subject: Subject, case: Case) -> str:
    """Why `case` does not apply to the device, from what the backend claims; empty if it does."""
    if case.dtype and not subject.claims(case.dtype, case.op):
        return f"{case.dtype} is not claimed" + (f" for {case.op}" if case.op else "")
    if case.group == "complex" and not any(map(subject.claims, ("complex64", "complex128"))):
        return "complex numbers are not claimed"
    if case.name == f"required/{case.op}" or case.group not in _OF_KERNELS:
        return ""
    if case.op in registry and not subject.native(case.op):
        return f"no kernel of its own: {case.op} is {subject.source(case.op)}"
    return ""


def _none(kind: str, pattern: str, known: Iterable[Any]) -> UnknownNameError:
    from difflib import get_close_matches

    if not set(pattern) & set("*?["):
        near = get_close_matches(pattern, sorted(set(known)), 1, 0.5)
        if near:
            return UnknownNameError(f"unknown {kind} '{pattern}'; did you mean '{near[0]}'?")
    return UnknownNameError(f"no case matches --{kind} '{pattern}'")
