"""`dlf conform`: what it prints, its exit statuses, and strangers' devices that are installed."""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from dlf.conform import Case, Skipped
from dlf_cli.main import main
from tests.conform.support import Give, good, raises, wrong
from tests.conform.wrong_backend import write_project
from tests.support.environment import Environment

TOY = Path(__file__).parents[2] / "examples" / "plugins" / "dlf_toy"


def run(*args: str) -> tuple[int, list[str], str]:
    """Exit status, lines of standard output, standard error."""
    result = CliRunner().invoke(main, ["conform", *args])
    return result.exit_code, result.stdout.splitlines(), result.stderr


@pytest.fixture
def cases(give: Give) -> None:
    give(
        Case("sum/float32/plain", good, "L1", "sum", "float32"),
        Case("sum/float32/large", wrong, "L1", "sum", "float32"),
        Case("add/plain", good, "L1", "add"),
        Case("stream", raises(Skipped("no streams")), "service"),
    )


FAILED = [
    "FAILED sum/float32/large: assert subject.seed == -1",
    "  replay: dlf conform cpu --case 'sum/float32/large' --seed 3",
]


@pytest.mark.usefixtures("cases")
class TestPrinted:
    def test_failures_matrix_and_verdict(self) -> None:
        status, lines, err = run("cpu", "--seed", "3")
        assert (status, err) == (1, "")
        assert lines[:2] == FAILED
        assert lines[-1] == "cpu: not conformant: 2 passed, 1 failed, 1 skipped"
        assert "1 skipped: no streams" in lines
        heading = lines[2].split()
        assert heading == ["source", "op", "from", "passed", "failed", "skipped"]
        rows = {line.split()[1]: line.split() for line in lines[3:] if line.startswith("native")}
        assert rows["sum"] == ["native", "sum", "numpy_cpu", "1", "1", "0"]
        assert any(line.startswith("decomposed ") for line in lines)
        assert any(line.endswith(" decomposed") and " ops: " in line for line in lines)

    def test_quiet(self) -> None:
        status, lines, _ = run("cpu", "-q", "--seed", "3")
        assert status == 1
        assert lines == [*FAILED, "cpu: not conformant: 2 passed, 1 failed, 1 skipped"]

    def test_selected(self) -> None:
        status, lines, _ = run("cpu", "--op", "sum", "--case", "*plain")
        assert status == 0
        assert lines[1].split()[:2] == ["native", "sum"]
        assert lines[2:] == [
            "",
            "1 ops: 1 native",
            "cpu: selected cases: 1 passed, 0 failed, 0 skipped",
        ]

    def test_replay_runs_the_case_alone(self) -> None:
        _, (_, replay, *_), _ = run("cpu", "-q", "--seed", "3")
        command = shlex.split(replay.removeprefix("  replay: dlf conform "))
        status, lines, _ = run(*command, "-q")
        assert (status, lines[:2]) == (1, FAILED)
        assert lines[2] == "cpu: not conformant: 0 passed, 1 failed, 0 skipped"

    def test_expected_failures(self, tmp_path: Path) -> None:
        known = tmp_path / "known"
        known.write_text("*/large  # reported\n")
        status, lines, _ = run("cpu", "-q", "--xfail", str(known))
        assert (status, len(lines)) == (0, 1)
        assert lines[0].startswith("cpu: L2 conformant but for 1 expected failure: 2 passed")
        known.write_text("*\n")
        status, lines, _ = run("cpu", "-q", "--xfail", str(known))
        assert status == 1
        assert lines[0].startswith("XPASSED sum/float32/plain: passes, but '*' expects")

    def test_files(self, tmp_path: Path) -> None:
        as_json, as_html = tmp_path / "r.json", tmp_path / "r.html"
        status, lines, _ = run("cpu", "-q", "--json", str(as_json), "--html", str(as_html))
        assert status == 1
        assert json.loads(as_json.read_text())["summary"] == lines[-1]
        assert lines[-1] in as_html.read_text("utf-8")

    def test_json_goes_to_a_pipe_too(self) -> None:
        status, lines, _ = run("cpu", "-q", "--json", os.devnull)
        assert (status, len(lines)) == (1, 3)

    def test_a_level(self) -> None:
        status, lines, _ = run("sim", "-q", "--level", "L1", "--op", "sum", "--case", "required/*")
        assert (status, lines) == (0, ["sim: selected cases: 1 passed, 0 failed, 0 skipped"])


@pytest.mark.usefixtures("cases")
@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("cpuu",), "unknown device type 'cpuu'; did you mean 'cpu'?"),
        (("cpu:9",), "index 9"),
        ((), "DEVICE"),
        (("cpu", "--level", "l1"), "unknown level 'l1'"),
        (("cpu", "--op", "summ"), "unknown op 'summ'; did you mean 'sum'?"),
        (("cpu", "--case", "add/plan"), "unknown case 'add/plan'; did you mean 'add/plain'?"),
        (("cpu", "--case", "q*"), "no case matches --case 'q*'"),
        (("cpu", "--seed", "-1"), "--seed"),
        (("cpu", "--xfail", "no-such-file"), "no-such-file"),
        (("cpu", "--json", "no-such-folder/r.json"), "the folder 'no-such-folder' does not exist"),
        (("cpu", "--timeout", "0"), "--timeout"),
        (("cpu", "--faults", "--strict"), "--faults does not go with --strict"),
        (("cpu", "--faults", "--timeout", "9"), "--faults does not go with --timeout"),
        (("cpu", "--faults", "--op", "a", "--case", "b"), "not with both"),
    ],
)
def test_a_mistake_costs_one_line_and_status_2(args: tuple[str, ...], message: str) -> None:
    status, lines, err = run(*args)
    assert (status, lines) == (2, [])
    assert message in err
    assert err.count("\n") == 1


class TestFaults:
    @dataclass
    class Fault:
        name: str
        why: str = "why it is wrong"

    @dataclass
    class Verdict:
        fault: TestFaults.Fault
        caught: bool
        by: str

    @pytest.fixture(autouse=True)
    def planted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        module: Any = ModuleType("dlf.conform.faults")
        faults = [self.Fault("sum/axis"), self.Fault("add/sign")]
        module.planted = lambda: faults

        def score(device: str, only: str, seed: int, on_result: Any) -> list[TestFaults.Verdict]:
            caught = [self.Verdict(faults[0], True, "sum/a"), self.Verdict(faults[1], False, "")]
            found = {"*": caught, "sum/*": caught[:1], "add/sign": caught[1:]}.get(only, [])
            for one in found:
                on_result(one)
            return found

        module.score = score
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr("dlf.conform.faults", module, raising=False)

    def test_all_caught(self) -> None:
        assert run("cpu", "--faults", "--op", "sum") == (
            0,
            ["caught sum/axis by sum/a", "cpu: 1 of 1 planted faults caught"],
            "",
        )

    def test_one_missed(self) -> None:
        missed = ["MISSED add/sign: why it is wrong"]
        assert run("cpu", "--faults", "-q")[:2] == (
            1,
            [*missed, "cpu: 1 of 2 planted faults caught"],
        )
        assert run("cpu", "--faults", "--case", "add/sign")[1][:1] == missed

    def test_none_matches(self) -> None:
        status, _, err = run("cpu", "--faults", "--op", "mul")
        assert (status, err) == (2, "dlf: no fault that cpu can have matches 'mul/*'\n")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """With the devices `toy`, which has no kernels, and `wrong`, whose `sum` is wrong."""
    made = Environment.create(tmp_path_factory.mktemp("conform") / "venv")
    work = tmp_path_factory.mktemp("build")
    made.install(TOY, work=work)
    made.install(write_project(tmp_path_factory.mktemp("source")), work=work)
    return made


class TestInstalled:
    @staticmethod
    def run(environment: Environment, *args: str) -> tuple[int, list[str], str]:
        done = environment.run("-m", "dlf_cli", "conform", *args)
        return done.returncode, done.stdout.splitlines(), done.stderr

    def test_a_wrong_kernel_is_named(self, environment: Environment) -> None:
        status, lines, err = self.run(environment, "wrong", "--op", "sum", "-q", "--seed", "3")
        assert (status, err) == (1, "")
        assert lines[-1].startswith("wrong: not conformant: ")
        failed = [line for line in lines if line.startswith("FAILED sum/")]
        assert failed
        assert all(line.startswith("FAILED ") for line in lines[:-1:2])
        command = lines[1].removeprefix("  replay: dlf conform ")
        assert command.endswith(" --seed 3")
        status, again, _ = self.run(environment, *shlex.split(command), "-q")
        assert (status, again[:2]) == (1, lines[:2])
        assert again[2] == "wrong: not conformant: 0 passed, 1 failed, 0 skipped"

    def test_the_other_kernels_are_right(self, environment: Environment) -> None:
        status, lines, _ = self.run(environment, "wrong", "--op", "neg")
        assert status == 0, lines
        assert lines[1].split()[:3] == ["native", "neg", "wrong"]

    def test_a_level_asks_for_every_primitive(self, environment: Environment) -> None:
        args = ("wrong", "--level", "L1", "--case", "required/*", "-q")
        status, (failed, replay, verdict), _ = self.run(environment, *args)
        assert status == 1
        assert failed.startswith("FAILED required/cumprod: no kernel of its own")
        assert replay.endswith("--case 'required/cumprod' --seed 0 --level L1")
        assert verdict.startswith("wrong: not conformant to L1: ")

    def test_a_plugins_own_cases_run(self, environment: Environment) -> None:
        args = ("wrong", "--case", "wrong/own", "-q")
        assert self.run(environment, *args)[:2] == (
            0,
            ["wrong: selected cases: 1 passed, 0 failed, 0 skipped"],
        )
        assert self.run(environment, "cpu", "--case", "wrong/own")[0] == 2

    def test_a_device_without_kernels_conforms_to_l0(self, environment: Environment) -> None:
        status, lines, err = self.run(environment, "toy")
        assert (status, err) == (0, ""), lines
        assert lines[-2].startswith("0 of the ")
        assert lines[-1].startswith("toy: L0 conformant: ")
        assert " 0 failed" in lines[-1]
