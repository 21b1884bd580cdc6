"""The runner: what becomes of a case, expected failures, and seeds."""

from __future__ import annotations

from pathlib import Path

import pytest

import dlf
from dlf import conform
from dlf.conform import Case, Expected, Skipped, Subject
from dlf.conform.cases import refusal
from dlf.errors import DeviceUnavailableError
from dlf.plugin import Caps, Host
from tests.conform.support import Bare, Give, Run, good, raises, reasons, statuses, wrong


@pytest.mark.parametrize(
    ("run", "status", "reason"),
    [
        (good, "passed", ""),
        (wrong, "failed", "assert subject.seed == -1"),
        (raises(AssertionError("a\n\n  b")), "failed", "a b"),
        (raises(TypeError("no")), "failed", "TypeError: no"),
        (raises(SystemExit()), "failed", "SystemExit"),
        (raises(Skipped("no streams")), "skipped", "no streams"),
        (raises(ValueError("x" * 999)), "failed", "ValueError: " + "x" * 225 + "..."),
    ],
)
def test_status(give: Give, run: Run, status: str, reason: str) -> None:
    give(Case("one", run))
    (result,) = conform.run("cpu").results
    assert (result.status, result.reason) == (status, reason)
    assert result.bad == (status == "failed")
    assert result.seconds >= 0


def test_traceback_begins_in_the_case(give: Give) -> None:
    give(Case("one", wrong))
    (result,) = conform.run("cpu").results
    assert result.detail.endswith("AssertionError")
    assert "runner.py" not in result.detail


def test_the_user_may_stop_it(give: Give) -> None:
    give(Case("one", raises(KeyboardInterrupt())))
    with pytest.raises(KeyboardInterrupt):
        conform.run("cpu")


def test_each_result_is_told_at_once(give: Give) -> None:
    give(Case("one", good), Case("two", wrong))
    told: list[str] = []
    conform.run(
        "cpu",
        on_start=lambda case: told.append(case.name),
        on_result=lambda result: told.append(result.status),
    )
    assert told == ["one", "passed", "two", "failed"]


class TestExpectedFailures:
    def test_lines(self) -> None:
        text: list[str | Expected] = [
            "# all of it",
            "",
            "sum/*/nan  # the library drops NaN",
            " a ",
            Expected("b"),
        ]
        found = conform.xfail.expectations(text)
        assert found == (
            Expected("sum/*/nan", "the library drops NaN"),
            Expected("a"),
            Expected("b"),
        )

    def test_file(self, tmp_path: Path) -> None:
        (tmp_path / "known").write_text("sum/* # reason\n")
        assert conform.read_expected(tmp_path / "known") == (Expected("sum/*", "reason"),)

    def test_one_that_fails_is_expected(self, give: Give) -> None:
        give(Case("sum/a", wrong), Case("add/a", good))
        report = conform.run("cpu", xfail=["sum/*  # reported"])
        assert statuses(report) == {"sum/a": "xfailed", "add/a": "passed"}
        assert reasons(report) == {"sum/a": "reported"}
        assert report.ok

    def test_one_that_passes_is_an_error(self, give: Give) -> None:
        give(Case("sum/a", good), Case("add/a", good))
        report = conform.run("cpu", xfail=["sum/*"])
        assert reasons(report) == {"sum/a": "passes, but 'sum/*' expects it to fail"}
        assert not report.ok

    def test_one_that_is_skipped_stays_so(self, give: Give) -> None:
        give(Case("sum/a", raises(Skipped("no"))), Case("add/a", good))
        report = conform.run("cpu", xfail=["sum/*"])
        assert statuses(report)["sum/a"] == "skipped"


def test_what_is_not_claimed_is_skipped(give: Give, strangers: None) -> None:
    give(
        Case("stored", good, "L1", "neg", "float32"),
        Case("not computed", good, "L1", "neg", "int64"),
        Case("not stored", good, "L1", "add", "float64"),
        Case("no kernel", good, "L1", "mul"),
        Case("not fused", good, "L2", "softmax"),
        Case("no numbers", good, "complex"),
        Case("composed", good, "gradient", "softmax"),
    )
    assert reasons(conform.run("partial")) == {
        "not computed": "int64 is not claimed for neg",
        "not stored": "float64 is not claimed for add",
        "no kernel": "no kernel of its own: mul is fallback",
        "not fused": "no kernel of its own: softmax is decomposed",
        "no numbers": "complex numbers are not claimed",
    }


def test_strict_lets_no_claim_be_skipped(give: Give) -> None:
    skip = raises(Skipped("too slow"))
    give(Case("claimed", skip, "L1", "sum"), Case("not", skip, "service"), Case("good", good))
    assert conform.run("cpu").ok
    report = conform.run("cpu", strict=True)
    assert statuses(report) == {"claimed": "failed", "not": "skipped", "good": "passed"}
    assert reasons(report)["claimed"] == "skipped, though it is claimed: too slow"


@pytest.mark.usefixtures("strangers")
@pytest.mark.parametrize(
    ("why", "status"),
    [
        ("partial:0 does not claim float64", "skipped"),
        ("neg is claimed for no dtype of float64, float16", "skipped"),
        ("int64 is not claimed for neg", "skipped"),
        ("too slow in float64", "failed"),
        ("float32 is claimed, float64 is not", "failed"),
    ],
)
def test_strict_asks_for_no_dtype_that_is_not_claimed(give: Give, why: str, status: str) -> None:
    give(Case("one", raises(Skipped(why)), "L1", "neg"))
    assert statuses(conform.run("partial", strict=True)) == {"one": status}


@pytest.mark.usefixtures("strangers")
@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_a_dtype_that_the_contract_needs(
    give: Give, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    def store(subject: Subject) -> None:
        dlf.zeros(2, dtype=getattr(dlf, dtype), device=subject.device)

    monkeypatch.setattr(Bare, "caps", Caps(dtypes=Bare.caps.dtypes - {dtype}))
    give(*refusal.cases(Subject("bare")), Case("other", store, "system"))
    report = conform.run("bare")
    found = reasons(report)
    assert [one.case.name for one in report.failures] == ["L0/caps"]
    assert found["L0/caps"].startswith(f"Caps(dtypes=...) lacks {dtype}: the kernel contract needs")
    assert found["other"] == f"{dtype} is not claimed, as the case L0/caps says"


class TestSeeds:
    @staticmethod
    def drawn(give: Give, *names: str, seed: int = 0) -> dict[str, tuple[float, float]]:
        found = {}

        def case(name: str) -> Case:
            def run(subject: Subject) -> None:
                found[name] = (float(subject.rng.random()), dlf.rand(1).item())

            return Case(name, run)

        give(*map(case, names))
        assert conform.run("cpu", seed=seed).ok
        return found

    def test_numbers_depend_on_the_seed_and_the_name(self, give: Give) -> None:
        one = self.drawn(give, "a", "b")
        assert self.drawn(give, "b") == {"b": one["b"]}
        assert len({*one["a"], *one["b"], *self.drawn(give, "a", seed=1)["a"]}) == 6

    def test_the_users_numbers_are_left_alone(self, give: Give) -> None:
        dlf.manual_seed(5)
        expected = dlf.rand(3).tolist()
        dlf.manual_seed(5)
        self.drawn(give, "a")
        assert dlf.rand(3).tolist() == expected


@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_the_real_cases_of_an_op(device: str) -> None:
    report = conform.run(device, op="neg")
    assert report.ok, report.failures
    assert report.counts["passed"] > 5


def test_an_unavailable_device_gives_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: Host, device_type: str) -> None:
        raise DeviceUnavailableError("no driver")

    monkeypatch.setattr(Host, "load_backend", load)
    with pytest.raises(DeviceUnavailableError, match="no driver"):
        conform.run("absent_one")
