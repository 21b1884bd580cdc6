"""Runs the cases against a device, each alone and in a way that can be repeated."""

from __future__ import annotations

import os
import re
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from .. import fallback
from .. import random as rng
from ..devices import device as Device
from ..errors import MissingKernelError
from ..registry import registry
from .case import Case, Skipped
from .levels import NEEDED, check_level, policy, required_primitives
from .report import Report, replay
from .result import Result, detail, reason
from .select import select, why_not
from .skips import unclaimed
from .subject import Subject
from .xfail import Expected, expectations, expected

__all__ = ["Runner", "run"]

_STORES = re.compile(r"device \S+ does not store dlf\.(\w+);")
_LACKS = re.compile(r"^op '(\w+)' has no kernel on device")


def run(
    device: str | Device,
    *,
    level: str | None = None,
    op: str = "*",
    case: str = "*",
    seed: int = 0,
    xfail: Iterable[str | Expected] = (),
    strict: bool = False,
    on_start: Callable[[Case], None] | None = None,
    on_result: Callable[[Result], None] | None = None,
) -> Report:
    """Run the cases for `device`, and report.

    Args:
        device: the device or its name.
        level: what it must conform to, one of `levels.LEVELS`; None tests all that it has kernels
            for, and requires none.
        op: a glob of ops: only cases of these.
        case: a glob of case names: only these.
        seed: fixes the random numbers of each case, together with its name.
        xfail: expected failures, as lines of a file or as `Expected`.
        strict: a case that skips what the backend claims counts as failed; one that needs a dtype
            which the backend does not claim does not.
        on_start: called with each case before it runs, so that one which hangs is known.
        on_result: called with each result as it comes.

    UnknownNameError for a device that nobody registered and for globs that match nothing,
    DeviceUnavailableError for one that cannot be used, ValueError for a wrong level.
    """
    runner = Runner(device, level=level, seed=seed, xfail=xfail, strict=strict)
    results = []
    for one in runner.cases(op, case):
        if on_start is not None:
            on_start(one)
        results.append(runner.one(one))
        if on_result is not None:
            on_result(results[-1])
    return runner.report(results, op, case)


class Runner:
    """Runs cases one at a time; the arguments are those of `run`."""

    def __init__(
        self,
        device: str | Device,
        *,
        level: str | None = None,
        seed: int = 0,
        xfail: Iterable[str | Expected] = (),
        strict: bool = False,
    ) -> None:
        check_level(level)
        _declare_ops()
        self.name = str(device)
        self.subject = Subject(device, seed)
        self.level, self.seed, self.strict = level, seed, strict
        self.xfail = expectations(xfail)
        self._required = frozenset(required_primitives()) if level in ("L1", "L2") else frozenset()

    def cases(self, op: str = "*", case: str = "*") -> list[Case]:
        """The cases to run, see `select`."""
        return select(self.subject, self.level, op, case)

    def one(self, case: Case) -> Result:
        """Run `case`, and say what became of it."""
        start = time.perf_counter()
        status, why, more = self._judge(case)
        known = expected(case.name, self.xfail)
        if known is not None and status == "failed":
            status, why = "xfailed", known.reason or why
        elif known is not None and status == "passed":
            status, why = "xpassed", f"passes, but '{known.pattern}' expects it to fail"
        return Result(case, status, why, time.perf_counter() - start, more)

    def replay(self, case: Case) -> str:
        """The command that runs `case` alone, as it runs here."""
        return replay(self.name, case, self.seed, self.level, self.strict)

    def report(
        self, results: Iterable[Result], op: str = "*", case: str = "*", not_run: int = 0
    ) -> Report:
        """The report of `results`, from the cases that the globs selected.

        `not_run`: how many of these are left, where the run was ended.
        """
        options = self.level, self.strict, op, case, not_run
        return Report.of(self.subject, self.name, list(results), *options)

    def _judge(self, case: Case) -> tuple[str, str, str]:
        """Status, reason and detail, expected failures aside."""
        why = why_not(self.subject, case)
        if why:
            return "skipped", why, ""
        before = self._fallen()
        try:
            with _repeatable(self.subject, case), _policy(self._policy(case)):
                case.run(self.subject)
        except Skipped as error:
            if self.strict and self._claimed(case, reason(error)):
                return "failed", f"skipped, though it is claimed: {reason(error)}", ""
            return "skipped", reason(error), ""
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a kernel may raise SystemExit as well
            lacks = self._lacks(error)
            if lacks and lacks not in self._required:
                return "skipped", f"needs {lacks}, which has no kernel", ""
            if wanted := self._needed(error):
                return "skipped", f"{wanted} is not claimed, as the case L0/caps says", ""
            return "failed", reason(error), detail(error)
        fell = sorted(op for op, calls in self._fallen().items() if calls > before.get(op, 0))
        if fell:
            return "failed", f"has a kernel, but ran on the host: {', '.join(fell)}", ""
        return "passed", "", ""

    def _policy(self, case: Case) -> str:
        return policy(self.subject, self.level, case.group)

    def _claimed(self, case: Case, why: str) -> bool:
        """Whether the backend claims what `case` skipped for the reason `why`."""
        return self.subject.native(case.op) and not unclaimed(self.subject, why, case.op)

    def _needed(self, error: BaseException) -> str:
        """The dtype that the contract needs, the backend does not claim, and `error` is about.

        One case says that it is not claimed; that so much does not work without it is no news.
        """
        found = _STORES.search(str(error)) if isinstance(error, TypeError) else None
        if found is None or found[1] not in NEEDED or self.subject.claims(found[1]):
            return ""
        return found[1]

    def _lacks(self, error: BaseException) -> str:
        """The op without a kernel on the device that `error` is about, if it is about one."""
        found = _LACKS.match(str(error)) if isinstance(error, MissingKernelError) else None
        if found is None or found[1] not in registry or self.subject.native(found[1]):
            return ""
        return found[1]

    def _fallen(self) -> dict[str, int]:
        """How often each op that the device has a kernel for ran on the host."""
        kind = self.subject.device.type
        counts: dict[str, int] = {}
        for (op, where), count in fallback.report().items():
            if where.partition(":")[0] == kind and self.subject.native(op):
                counts[op] = counts.get(op, 0) + count.calls
        return counts


def _declare_ops() -> None:
    """Declare every op, so that which cases there are does not depend on what was imported."""
    from .. import nn, optim  # noqa: F401  # declare theirs when imported
    from ..plugin.host import get_host

    get_host().register_ops(registry)


@contextmanager
def _repeatable(subject: Subject, case: Case) -> Iterator[None]:
    """Random numbers that depend on the seed and the case's name alone."""
    subject.start(case.name)
    with rng.fork_rng():
        rng.manual_seed(zlib.crc32(case.name.encode()) + subject.seed)
        yield


@contextmanager
def _policy(name: str) -> Iterator[None]:
    """The fallback policy `name`, for threads and processes that the case starts as well."""
    before = os.environ.get("DLF_FALLBACK")
    os.environ["DLF_FALLBACK"] = name
    try:
        with fallback.fallback_policy(name):
            yield
    finally:
        if before is None:
            del os.environ["DLF_FALLBACK"]
        else:
            os.environ["DLF_FALLBACK"] = before
