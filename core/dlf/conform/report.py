"""`Report`: what a run found, as text and as JSON."""

from __future__ import annotations

import platform
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from .case import Case
from .coverage import Coverage, matrix, untested
from .levels import attained, composites, lacking, required_primitives
from .result import STATUSES, Result
from .skips import some, tally
from .subject import Subject

__all__ = ["Report", "replay"]

_MOST_REASONS = 5


@dataclass(frozen=True)
class Report:
    """What a run found.

    Args:
        device: the device, as it was named.
        distribution, version: the package that its backend comes from.
        level: the level that was asked for, or None.
        reached: the highest level for which the device has the kernels.
        required, lacking: the primitives that L1 requires, and those without a kernel.
        composites: the composites and optimizers' updates that the device has kernels for.
        seed, strict, op, case: as given to `run`.
        results: one for each case, in the order in which they ran.
        ops: the coverage matrix.
        skips: for what reasons cases were skipped, and how many were, the most frequent first.
        not_run: how many cases were left when the run was ended.
        dlf, kernel_api, date: what ran the cases, and when (UTC).
    """

    device: str
    distribution: str
    version: str
    level: str | None
    reached: str
    required: int
    lacking: tuple[str, ...]
    composites: tuple[str, ...]
    seed: int
    strict: bool
    op: str
    case: str
    results: tuple[Result, ...]
    ops: tuple[Coverage, ...]
    skips: tuple[tuple[str, int], ...]
    dlf: str
    kernel_api: str
    not_run: int = 0
    date: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @classmethod
    def of(
        cls,
        subject: Subject,
        name: str,
        results: list[Result],
        level: str | None = None,
        strict: bool = False,
        op: str = "*",
        case: str = "*",
        not_run: int = 0,
    ) -> Report:
        """The report of `results` on the device of `subject`, which the user called `name`."""
        import dlf

        from ..plugin.host import get_host
        from ..plugin.version import KERNEL_API

        record = get_host().load_backend(subject.device.type).record
        return cls(
            device=name,
            distribution=record.distribution,
            version=record.version,
            level=level,
            reached=attained(subject),
            required=len(required_primitives()),
            lacking=tuple(lacking(subject)),
            composites=tuple(composites(subject)),
            seed=subject.seed,
            strict=strict,
            op=op,
            case=case,
            results=tuple(results),
            ops=tuple(matrix(subject, results)),
            skips=tuple(tally(subject, results)),
            dlf=dlf.__version__,
            kernel_api=".".join(map(str, KERNEL_API)),
            not_run=not_run,
        )

    @property
    def counts(self) -> dict[str, int]:
        """How many cases ended in each of `STATUSES`."""
        found = Counter(one.status for one in self.results)
        return {status: found[status] for status in STATUSES}

    @property
    def failures(self) -> list[Result]:
        """The results that keep the device from conforming."""
        return [one for one in self.results if one.bad]

    @property
    def selected(self) -> bool:
        """Whether only some of the cases were asked for."""
        return (self.op, self.case) != ("*", "*")

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; a whole run of which no case passed proves nothing."""
        found = self.selected or self.counts["passed"] > 0
        return found and not self.failures and not self.not_run

    def replay(self, result: Result) -> str:
        """The command that runs the case of `result` alone, as it ran here."""
        return replay(self.device, result.case, self.seed, self.level, self.strict)

    def summary(self) -> str:
        """The verdict in one line."""
        counts = self.counts
        tally = f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped"
        for status in ("xfailed", "xpassed"):
            if counts[status]:
                tally += f", {counts[status]} {status}"
        return f"{self.device}: {self._verdict()}: {tally}"

    def _verdict(self) -> str:
        level = self.level or self.reached
        if not self.ok:
            return f"not conformant to {self.level}" if self.level else "not conformant"
        if self.selected:
            return "selected cases"
        known = self.counts["xfailed"]
        but = f" but for {known} expected failure{'s' * (known > 1)}" if known else ""
        return f"{level} conformant{self._beyond()}{but}"

    def _beyond(self) -> str:
        """The composites' kernels that were tested though they make no level."""
        count = len(self.composites)
        if self.level or self.reached == "L2" or not count:
            return ""
        return f", and {count} kernel{'s' * (count > 1)} of composites"

    def notes(self) -> list[str]:
        """What else there is to say, a line each.

        That the run was ended, why cases were skipped, the way to L1, and kernels without a case.
        """
        lines = []
        if self.not_run:
            lines.append(f"the run was ended: {self.not_run} cases were not run")
        if self.skips:
            lines.append(self._skipped())
        if self.lacking and not self.selected and self.level in (None, "L0"):
            have = self.required - len(self.lacking)
            lines.append(
                f"{have} of the {self.required} primitives of L1 have kernels; "
                f"without: {some(self.lacking)}"
            )
        partial = self.selected or self.not_run or self.level == "L0"
        bare = [] if partial else untested(self.ops, self.level)
        if bare:
            lines.append(f"kernels that no case ran: {some(bare)}")
        return lines

    def _skipped(self) -> str:
        (reason, count), *rest = self.skips[:_MOST_REASONS]
        parts = [f"{count} skipped: {reason}", *(f"{count}: {reason}" for reason, count in rest)]
        if more := sum(count for _, count in self.skips[_MOST_REASONS:]):
            parts.append(f"{more}: other reasons")
        return "; ".join(parts)

    def head(self) -> dict[str, Any]:
        """What was tested, and by what, as a value that ``json.dumps`` takes."""
        names = (
            *("device", "distribution", "version", "dlf", "kernel_api", "level", "reached"),
            *("seed", "strict", "op", "case", "date"),
        )
        return {
            **{name: getattr(self, name) for name in names},
            "python": platform.python_version(),
            "platform": f"{sys.platform} {platform.machine()}",
        }

    def to_json(self) -> dict[str, Any]:
        """The report as a value that ``json.dumps`` takes."""
        return {
            **self.head(),
            "complete": not self.not_run,
            "not_run": self.not_run,
            "conformant": self.ok and not self.selected,
            "ok": self.ok,
            "summary": self.summary(),
            "totals": self.counts,
            "skips": [{"reason": reason, "count": count} for reason, count in self.skips],
            "lacking": list(self.lacking),
            "composites": list(self.composites),
            "ops": [asdict(row) for row in self.ops],
            "cases": [self.row(one) for one in self.results],
        }

    def row(self, one: Result) -> dict[str, Any]:
        """A result as a value that ``json.dumps`` takes."""
        case = one.case
        found: dict[str, Any] = {
            "name": case.name,
            "group": case.group,
            "op": case.op,
            "dtype": case.dtype,
            "status": one.status,
            "reason": one.reason,
            "seconds": round(one.seconds, 6),
        }
        if one.bad:
            found |= {"detail": one.detail, "replay": self.replay(one)}
        return found


def replay(device: str, case: Case, seed: int, level: str | None, strict: bool) -> str:
    """The command that runs `case` alone, with the options of `run`."""
    quoted = "'" + case.name.replace("'", "'\\''") + "'"
    more = (f" --level {level}" if level else "") + (" --strict" if strict else "")
    return f"dlf conform {device} --case {quoted} --seed {seed}{more}"
