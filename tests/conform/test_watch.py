"""Cases that hang: they are named, and `--timeout` ends the run; in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dlf.conform import Case
from dlf.conform.watch import Watch
from tests.conform.support import good

CODE = """
import ctypes, functools, sys, time
import dlf.conform.cases, dlf.conform.watch as watch
from dlf.conform import Case

def spin(subject):
    while True:
        pass

def hold(subject):
    ctypes.PyDLL(None).sleep({hold})  # native code that keeps the interpreter's lock

def ends(subject):
    ctypes.string_at(0)

cases = [Case("sum/first", lambda subject: None, "L1", "sum"), Case("it's slow", {run}, "L0")]
cases += [Case(f"later/{{n}}", lambda subject: None, "L0") for n in range(3)]
dlf.conform.cases.all_cases = lambda subject: iter(cases)
watch.Watch, watch._LATER = functools.partial(watch.Watch, slow=0.2), 0.3
from dlf_cli.main import main
sys.argv = ["dlf", "conform", "cpu", *sys.argv[1:]]
sys.exit(main())
"""
REPLAY = "dlf conform cpu --case 'it'\\''s slow' --seed 0"


def run(case: str, *args: str, hold: int = 30) -> tuple[int, list[str], str]:
    """Exit status, lines of standard output, standard error."""
    code = CODE.format(run=case, hold=hold)
    command = [sys.executable, "-c", code, *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr


def names(found: Any) -> list[str]:
    return [one["name"] for one in found["cases"]]


def test_a_case_that_hangs_ends_the_run(tmp_path: Path) -> None:
    as_json, as_html = tmp_path / "r.json", tmp_path / "r.html"
    files = ("--json", str(as_json), "--html", str(as_html))
    status, lines, err = run("spin", "--timeout", "1", *files)
    assert status == 1, err
    assert err.splitlines()[0] == "still running it's slow after 0 s"
    assert lines == [
        "FAILED it's slow: still running after 1 s, longer than --timeout allows",
        f"  replay: {REPLAY}",
        "the run was ended: 3 cases were not run",
        "cpu: not conformant: 1 passed, 1 failed, 0 skipped",
    ]
    found = json.loads(as_json.read_text())
    assert (found["complete"], found["not_run"], found["ok"]) == (False, 3, False)
    assert (names(found), found["summary"]) == (["sum/first", "it's slow"], lines[-1])
    assert lines[-2] in as_html.read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="sleep is the C library's")
class TestTheLockIsHeld:
    def test_the_watchdog_ends_the_run(self, tmp_path: Path) -> None:
        as_json = tmp_path / "r.json"
        status, lines, err = run("hold", "--timeout", "0.5", "--json", str(as_json))
        assert (status, lines) == (1, [])
        assert f'File "{REPLAY}"' in err
        found = json.loads(as_json.read_text())
        assert (found["complete"], names(found)) == (False, ["sum/first"])
        assert found["running"] == {"name": "it's slow", "replay": REPLAY}

    def test_without_a_limit_it_is_named(self) -> None:
        status, lines, err = run("hold", "-q", hold=2)
        assert status == 0, err
        assert f'File "{REPLAY}"' in err
        assert lines == ["cpu: L2 conformant: 5 passed, 0 failed, 0 skipped"]


def test_a_case_that_ends_the_process_is_in_the_file(tmp_path: Path) -> None:
    as_json = tmp_path / "r.json"
    status, _, _ = run("ends", "--json", str(as_json))
    assert status not in (0, 1, 2)
    found = json.loads(as_json.read_text())
    assert (names(found), found["running"]["replay"]) == (["sum/first"], REPLAY)


def test_each_case_is_told_anew_and_as_it_doubles() -> None:
    def wait(case: Case) -> float:
        time.sleep(seconds[case.name])
        return seconds[case.name]

    told: list[str] = []
    seconds = {"a": 0.3, "b": 0.0, "c": 0.15}
    with Watch(lambda case: "", told.append, lambda *_: None, slow=0.1) as watch:
        assert [watch.run(Case(name, good), wait) for name in seconds] == [*seconds.values()]
    assert [line.split()[2] for line in told] == ["a", "a", "c"]


def test_what_a_case_raises_comes_through() -> None:
    def stopped(case: Case) -> None:
        raise KeyboardInterrupt

    with Watch(lambda case: "", print, lambda *_: None) as watch, pytest.raises(KeyboardInterrupt):
        watch.run(Case("a", good), stopped)
