"""Why cases were skipped: how often for want of which dtype or kernel, and for what else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from ..dtypes import ALL
from .result import Result
from .subject import Subject

__all__ = ["some", "tally", "unclaimed"]

_WORD = re.compile(r"\w+")
_KERNEL = re.compile(r"^no kernel of its own: (\w+) is |^needs (\w+), which has no kernel$")


def unclaimed(subject: Subject, why: str, op: str = "") -> list[str]:
    """The dtypes for want of which a case of `op` was skipped, from `why`, what it said.

    None of them is claimed for `op`; a reason that names a dtype which is claimed is another one.
    """
    if "claim" not in why:
        return []
    named = [word for word in _WORD.findall(why) if word in ALL]
    return [] if any(subject.claims(name, op) for name in named) else named


def tally(subject: Subject, results: Iterable[Result]) -> list[tuple[str, int]]:
    """The reasons for which cases were skipped and how many were, the most frequent first.

    Cases that were skipped for want of a dtype share a reason, and so do those for want of a
    kernel.
    """
    counts = {"dtypes": 0, "dtypes of ops": 0, "kernels": 0}
    names: dict[str, Counter[str]] = {kind: Counter() for kind in counts}
    others: Counter[str] = Counter()
    for one in results:
        if one.status != "skipped":
            continue
        kernel = _KERNEL.match(one.reason)
        wanted = unclaimed(subject, one.reason, one.case.op)
        if kernel:
            kind, wanted = "kernels", [kernel[1] or kernel[2]]
        elif wanted:
            kind = "dtypes of ops" if all(map(subject.claims, wanted)) else "dtypes"
        else:
            others[one.reason] += 1
            continue
        counts[kind] += 1
        names[kind].update(wanted)
    said = {
        "dtypes": "{} not claimed",
        "dtypes of ops": "{} not claimed for some ops",
        "kernels": "no kernel of its own for {}",
    }
    shared = [
        (said[kind].format(_listed(names[kind], kind)), count)
        for kind, count in counts.items()
        if count
    ]
    return sorted([*shared, *others.items()], key=lambda row: -row[1])


def _listed(names: Counter[str], kind: str) -> str:
    ordered = [name for name, _ in names.most_common()]
    return some(ordered) if kind == "kernels" else ", ".join(ordered)


def some(names: Sequence[str], most: int = 8) -> str:
    """The first `most` of `names`, and how many more there are."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
