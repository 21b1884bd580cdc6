"""Plants one fault after the other, and runs the cases that should find it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from importlib import import_module

from ...devices import device as Device
from ...devices import resolve
from ..case import Case
from ..runner import Runner
from .fault import Fault, Verdict
from .planting import applies, composed, planting
from .tables import planted

__all__ = ["score"]


def score(
    device: str | Device,
    only: str = "*",
    seed: int = 0,
    on_result: Callable[[Verdict], None] | None = None,
) -> list[Verdict]:
    """Plant each fault that `device` can have, and see whether a case fails by it.

    A case counts only if it passes without the fault.

    Args:
        device: the device or its name; its kernels are as before afterwards.
        only: a glob of faults' names.
        seed: that of the cases.
        on_result: called with each verdict as it comes.
    """
    import_module("dlf.nn.functional")  # declares the ops of layers
    where = resolve(device)
    trial = _Trial(where, seed)
    verdicts = []
    for fault in planted():
        if fnmatchcase(fault.name, only) and applies(fault, where):
            verdicts.append(trial.of(fault))
            if on_result is not None:
                on_result(verdicts[-1])
    return verdicts


class _Trial:
    """The cases of one device, and which of them are known to pass."""

    def __init__(self, device: Device, seed: int) -> None:
        self.device = device
        self.runner = Runner(device, seed=seed)
        self.cases = self.runner.cases()
        self.composed: dict[str, list[Case]] = {}
        self.green: dict[tuple[str, str], bool] = {}

    def of(self, fault: Fault) -> Verdict:
        """Run the cases that should find `fault` until one does."""
        start = time.perf_counter()
        by = next((case.name for case in self._order(fault) if self._finds(case, fault)), "")
        return Verdict(fault, bool(by), by, time.perf_counter() - start)

    def _order(self, fault: Fault) -> Iterator[Case]:
        """The cases of the op, then those of the groups that the fault names."""
        yield from (case for case in self._at_hand(fault) if case.op == fault.op)
        for group in fault.groups:
            for case in self.cases:
                if case.group == group and case.op != fault.op:
                    yield case

    def _at_hand(self, fault: Fault) -> list[Case]:
        if not composed(fault, self.device):
            return self.cases
        if fault.op not in self.composed:
            # An op without a kernel has no cases until its decomposition is given to it as one.
            with planting(fault, self.device, right=True):
                self.composed[fault.op] = self.runner.cases()
        return self.composed[fault.op]

    def _finds(self, case: Case, fault: Fault) -> bool:
        with planting(fault, self.device):
            status = self.runner.one(case).status
            self._settle()
        return status == "failed" and self._green(case, fault)

    def _green(self, case: Case, fault: Fault) -> bool:
        """Whether `case` passes with the right kernel in the fault's place."""
        key = case.name, fault.op if composed(fault, self.device) else ""
        if key not in self.green:
            with planting(fault, self.device, right=True):
                self.green[key] = self.runner.one(case).status == "passed"
            self._settle()
        return self.green[key]

    def _settle(self) -> None:
        """Let the errors of late kernels be heard now, not in the next case."""
        streams = self.device.backend.services.get("streams")
        if streams is not None:
            with suppress(Exception):  # whatever the fault raises
                type(streams).synchronize()
