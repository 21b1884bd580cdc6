"""Which cases are run: globs, and the cases of plugins."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from dlf import conform
from dlf.conform import Case, Subject, select
from dlf.errors import UnknownNameError
from dlf.plugin import Host, hookimpl
from dlf.plugin.discovery import Found
from tests.conform.support import Give, good, statuses, wrong


class TestSelection:
    CASES = tuple(
        Case(name, good, "L1", name.split("/")[0])
        for name in ("sum/a", "sum/b", "add/[a]", "add/a")
    )

    @pytest.mark.parametrize(
        ("op", "case", "expected"),
        [
            ("s*", "*", ["sum/a", "sum/b"]),
            ("*", "*/a", ["sum/a", "add/a"]),
            ("add", "*/a", ["add/a"]),
            ("*", "add/[a]", ["add/[a]"]),
            ("*", "add/[a-b]", ["add/a"]),
        ],
    )
    def test_globs(self, give: Give, op: str, case: str, expected: list[str]) -> None:
        give(*self.CASES)
        assert list(statuses(conform.run("cpu", op=op, case=case))) == expected

    @pytest.mark.parametrize(
        ("op", "case", "message"),
        [
            ("summ", "*", "unknown op 'summ'; did you mean 'sum'"),
            ("*", "sum/c", "unknown case 'sum/c'; did you mean 'sum/[ab]'"),
            ("z*", "*", r"no case matches --op 'z\*'"),
            ("*", "qqqqqqq", "no case matches --case 'qqqqqqq'"),
        ],
    )
    def test_nothing_matches(self, give: Give, op: str, case: str, message: str) -> None:
        give(*self.CASES)
        with pytest.raises(UnknownNameError, match=message):
            conform.run("cpu", op=op, case=case)

    def test_two_cases_of_one_name(self, give: Give) -> None:
        give(Case("a", good), Case("a", good))
        with pytest.raises(ValueError, match="two cases have the name 'a'"):
            conform.run("cpu")

    def test_a_device_that_is_not_there(self) -> None:
        with pytest.raises(UnknownNameError, match="did you mean 'cpu'"):
            conform.run("cpuu")


class TestPluginCases:
    @staticmethod
    def found(monkeypatch: pytest.MonkeyPatch, given: Callable[[Any], Any]) -> list[Case]:
        module = ModuleType("stranger_with_cases")

        @hookimpl
        def dlf_conform_cases(device: Any) -> Any:
            return given(device)

        module.dlf_conform_cases = dlf_conform_cases  # type: ignore[attr-defined]  # a module made here
        monkeypatch.setitem(sys.modules, module.__name__, module)
        host = Host(lambda: [Found("stranger", module.__name__, "dlf-stranger", "1.0")])
        monkeypatch.setattr(select, "get_host", lambda: host)
        return list(select.plugin_cases(Subject("cpu").device, ["taken"]))

    def test_are_run(self, monkeypatch: pytest.MonkeyPatch, give: Give) -> None:
        give(Case("own", good))
        self.found(monkeypatch, lambda device: [Case(f"on/{device}", wrong, "plugin")])
        assert statuses(conform.run("cpu")) == {"own": "passed", "on/cpu": "failed"}

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            (lambda device: 1 / 0, "dlf_conform_cases failed: ZeroDivisionError"),
            (lambda device: ["sum"], "gave 'sum'; expected cases"),
            (lambda device: [Case("taken", good)], "the name 'taken' is taken"),
            (lambda device: [Case("a", good), Case("a", good)], "the name 'a' is taken"),
            (lambda device: [Case("a", good, "L9")], "gave group 'L9'"),
        ],
    )
    def test_a_hook_that_is_wrong_becomes_a_failure(
        self, monkeypatch: pytest.MonkeyPatch, given: Callable[[Any], Any], reason: str
    ) -> None:
        bad = [case for case in self.found(monkeypatch, given) if case.run is not good]
        (case,) = bad
        assert case.name.startswith("plugin/stranger/cases")
        with pytest.raises(AssertionError, match="plugin 'stranger' of dlf-stranger") as told:
            case.run(Subject("cpu"))
        assert reason in str(told.value)
