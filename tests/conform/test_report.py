"""The report: its verdict, the coverage matrix, JSON, and the page."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime
from html.parser import HTMLParser

import pytest

import dlf
from dlf import conform
from dlf.conform import Case, Result, Skipped
from dlf.conform.html import page
from dlf.registry import registry
from tests.conform.support import Give, Partial, Run, good, raises, wrong

NASTY = '<script>alert("1 & 2")</script>'


@pytest.fixture
def report(give: Give) -> conform.Report:
    give(
        Case("sum/float32/plain", good, "L1", "sum", "float32"),
        Case("sum/it's", raises(AssertionError(NASTY)), "L1", "sum"),
        Case("add/known", wrong, "L1", "add"),
        Case("add/stale", good, "L1", "add"),
        Case("stream", raises(Skipped("no streams")), "service"),
    )
    return conform.run("sim", seed=3, xfail=["add/*"])


class TestSummary:
    @pytest.mark.parametrize(
        ("level", "verdict"),
        [
            (None, "L2 conformant: 1 passed, 0 failed, 1 skipped"),
            ("L0", "L0 conformant: 1 passed, 0 failed, 1 skipped"),
        ],
    )
    def test_conformant(self, give: Give, level: str | None, verdict: str) -> None:
        give(Case("a", good, "L0"), Case("b", raises(Skipped("no")), "system"))
        found = conform.run("cpu", level=level)
        assert found.ok
        assert found.summary() == f"cpu: {verdict}"

    def test_not_conformant(self, report: conform.Report) -> None:
        counts = "1 passed, 1 failed, 1 skipped, 1 xfailed, 1 xpassed"
        assert not report.ok
        assert report.summary() == f"sim: not conformant: {counts}"
        assert [one.case.name for one in report.failures] == ["sum/it's", "add/stale"]

    def test_not_conformant_to_a_level(self, give: Give) -> None:
        give(Case("a", good), Case("b", wrong))
        assert conform.run("cpu", level="L1").summary().startswith("cpu: not conformant to L1: ")

    def test_expected_failures_are_told(self, give: Give) -> None:
        give(Case("a", good), Case("b", wrong), Case("c", wrong))
        found = conform.run("cpu", xfail=["b", "c"])
        assert found.ok
        assert "L2 conformant but for 2 expected failures: 1 passed" in found.summary()

    def test_some_cases_say_nothing_of_conformance(self, give: Give) -> None:
        give(Case("a", good, op="sum"), Case("b", wrong))
        for found in (conform.run("cpu", op="sum"), conform.run("cpu", case="a")):
            assert found.ok
            assert found.summary() == "cpu: selected cases: 1 passed, 0 failed, 0 skipped"
        assert conform.run("cpu", case="b").summary().startswith("cpu: not conformant: ")

    @pytest.mark.usefixtures("strangers")
    @pytest.mark.parametrize(
        ("more", "level", "verdict"),
        [
            ("", None, "L1 conformant: "),
            ("relu", None, "L1 conformant, and 1 kernel of composites: "),
            ("relu silu ge", None, "L1 conformant, and 3 kernels of composites: "),
            ("relu", "L1", "L1 conformant: "),
            ("relu softmax", None, "L2 conformant: "),
            ("relu", "L2", "not conformant to L2: "),
            ("softmax", "L2", "L2 conformant: "),
            ("sgd_step", "L2", "L2 conformant: "),
        ],
    )
    def test_elementwise_kernels_are_no_fused_ones(
        self,
        give: Give,
        monkeypatch: pytest.MonkeyPatch,
        more: str,
        level: str | None,
        verdict: str,
    ) -> None:
        names = [*conform.levels.required_primitives(), *more.split()]
        monkeypatch.setattr(Partial, "kernels", lambda self: dict.fromkeys(names, print))
        give(Case("a", good))
        found = conform.run("partial", level=level)
        assert found.summary().startswith(f"partial: {verdict}")
        assert found.to_json()["composites"] == more.split()
        if "not" in verdict:
            (wrong,) = found.failures
            told = "no fused kernel of any composite, only of elementwise ones: relu"
            assert wrong.reason == told

    def test_a_run_that_was_ended_is_not_conformant(self) -> None:
        runner = conform.Runner("cpu")
        found = runner.report([Result(Case("a", good), "passed")], not_run=2)
        assert not found.ok
        assert found.notes()[0] == "the run was ended: 2 cases were not run"
        assert found.to_json()["not_run"] == 2

    def test_nothing_passed_proves_nothing(self, give: Give) -> None:
        give(Case("a", raises(Skipped("no"))))
        assert not conform.run("cpu").ok


class TestReplay:
    def test_command(self, report: conform.Report) -> None:
        result = report.failures[0]
        assert report.replay(result) == "dlf conform sim --case 'sum/it'\\''s' --seed 3"

    def test_options_that_matter(self, give: Give) -> None:
        give(Case("a", raises(Skipped("slow")), "L1", "sum"))
        found = conform.run("cpu", level="L1", strict=True)
        assert [found.replay(one) for one in found.failures] == [
            "dlf conform cpu --case 'a' --seed 0 --level L1 --strict"
        ]


class TestMatrix:
    def test_every_op_once_by_source(self, report: conform.Report) -> None:
        rows = report.ops
        assert sorted(row.op for row in rows) == sorted(
            op.name for op in registry if op.kind != "internal"
        )
        sources = [row.source for row in rows]
        assert list(dict.fromkeys(sources)) == ["native", "decomposed"]
        assert sources == sorted(sources, reverse=True)
        origins = {one.op: (one.source, one.origin) for one in dlf.dispatch.explain("sim")}
        assert {row.op: (row.source, row.origin) for row in rows}.items() <= origins.items()

    def test_counts(self, report: conform.Report) -> None:
        rows = {row.op: row for row in report.ops}
        assert (rows["sum"].passed, rows["sum"].failed, rows["sum"].skipped) == (1, 1, 0)
        assert (rows["add"].xfailed, rows["add"].xpassed) == (1, 1)
        assert rows["mul"].passed == 0

    def test_that_a_kernel_is_there_is_no_case_of_it(self, give: Give) -> None:
        give(Case("a", good, "L1", "sum"))
        found = conform.run("cpu", level="L1")
        assert {row.op: row.passed for row in found.ops if row.passed} == {"sum": 1}
        (note,) = found.notes()
        assert note.startswith("kernels that no case ran: abs, acos, add, ")
        assert "softmax" not in note

    @pytest.mark.usefixtures("strangers")
    def test_notes_show_the_way_to_l1(self, give: Give) -> None:
        give(Case("a", good, "L0"))
        (note,) = conform.run("bare").notes()
        required = len(conform.levels.required_primitives())
        assert note.startswith(f"0 of the {required} primitives of L1 have kernels; without: ")
        assert conform.run("bare").summary().startswith("bare: L0 conformant: ")


class TestSkips:
    @pytest.fixture
    def skipped(self, give: Give, strangers: None) -> conform.Report:
        def needs(*dtypes: str) -> Run:
            return lambda subject: subject.need(*dtypes)

        give(
            Case("a", good, "L1", "add", "float64"),
            Case("b", good, "L1", "add", "complex128"),
            Case("c", needs("int64", "float64"), "system"),
            Case("d", good, "L1", "neg", "int64"),
            Case("e", good, "L1", "mul"),
            Case("f", raises(Skipped("no streams")), "service"),
            Case("g", raises(Skipped("bool is claimed, but rarely used")), "service"),
            Case("h", good),
        )
        return conform.run("partial")

    def test_by_reason(self, skipped: conform.Report) -> None:
        assert skipped.skips == (
            ("float64, complex128 not claimed", 3),
            ("int64 not claimed for some ops", 1),
            ("no kernel of its own for mul", 1),
            ("no streams", 1),
            ("bool is claimed, but rarely used", 1),
        )
        assert skipped.to_json()["skips"][0] == {
            "reason": "float64, complex128 not claimed",
            "count": 3,
        }

    def test_are_told_in_one_line(self, skipped: conform.Report) -> None:
        line = skipped.notes()[0]
        assert line.startswith("3 skipped: float64, complex128 not claimed; 1: int64 not claimed ")
        assert line in Page(page(skipped)).text

    def test_rare_reasons_are_only_counted(self, give: Give) -> None:
        give(Case("good", good), *(Case(str(n), raises(Skipped(f"no {n}"))) for n in range(9)))
        (line,) = conform.run("cpu", case="*").notes()[:1]
        assert line == "1 skipped: no 0; 1: no 1; 1: no 2; 1: no 3; 1: no 4; 4: other reasons"


def test_json(report: conform.Report) -> None:
    found = json.loads(json.dumps(report.to_json()))
    assert (found["device"], found["seed"], found["level"]) == ("sim", 3, None)
    assert (found["distribution"], found["dlf"], found["kernel_api"]) == (
        "dlf",
        dlf.__version__,
        "1.0",
    )
    assert datetime.fromisoformat(found["date"]).tzinfo is not None
    assert (found["conformant"], found["summary"]) == (False, report.summary())
    assert found["totals"] == Counter(one["status"] for one in found["cases"])
    cases = {one["name"]: one for one in found["cases"]}
    assert cases["stream"]["reason"] == "no streams"
    assert cases["sum/it's"]["replay"] == report.replay(report.failures[0])
    assert "replay" not in cases["sum/float32/plain"]
    row = next(one for one in found["ops"] if one["op"] == "sum")
    assert (row["kind"], row["source"], row["passed"]) == ("primitive", "native", 1)


class Page(HTMLParser):
    """The rows, text and open tags of a page."""

    EMPTY = {"meta", "input"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.rows: list[dict[str, str | None]] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        if tag == "tr" and attrs:
            self.rows.append(dict(attrs))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


class TestPage:
    def test_is_well_formed_and_needs_nothing_from_outside(self, report: conform.Report) -> None:
        text = page(report)
        found = Page(text)
        assert found.open == []
        assert found.tags["script"] == 1
        assert not {"src", "href"} & found.attributes
        assert not re.search(r"https?:|@import|url\(", text)

    def test_says_who_and_what(self, report: conform.Report) -> None:
        text = Page(page(report)).text
        told = (report.summary(), "dlf 0.1.0", "kernel API 1.0", report.date, NASTY)
        for part in (*told, report.replay(report.failures[0]), "passes, but 'add/*' expects"):
            assert part in text

    def test_rows_can_be_filtered(self, report: conform.Report) -> None:
        found = Page(page(report))
        assert len(found.rows) == len(report.ops) + len(report.results)
        assert found.tags["select"] == 2
        marks = {row["data-text"]: row["data-is"] for row in found.rows}
        assert marks["sum"] == "native passed failed"
        assert marks["sum/it's"] == "failed"

    def test_nothing_wrong(self, give: Give) -> None:
        give(Case("a", good))
        text = page(conform.run("cpu"))
        assert "Failures" not in text
        assert 'class="conformant"' in text
