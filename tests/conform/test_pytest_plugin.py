"""``python -m pytest --pyargs dlf.conform.suite``: one test a case, in processes of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

_MODULE = "dlf_pytest"
# Where the installed distribution names the plugin, pytest has loaded it already.
LOADED = any(point.value == _MODULE for point in entry_points(group="pytest11"))
SUITE = ("--pyargs", "dlf.conform.suite")


def suite(folder: Path, *args: str, plugin: bool = True) -> tuple[int, str]:
    """Run pytest in an empty folder, warnings as errors; exit status and output."""
    command = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider"]
    if plugin and not LOADED:
        command += ["-p", _MODULE]
    done = subprocess.run(
        [*command, *SUITE, *args],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={name: value for name, value in os.environ.items() if "PYTEST" not in name},
    )
    return done.returncode, done.stdout + done.stderr


def ids(out: str) -> list[str]:
    """The cases that ``-q --collect-only`` names, or ``-v`` once each has ended."""
    found = (
        re.search(r"test_conformance\[(.*?)\](?: PASSED.*)?$", line.strip())
        for line in out.splitlines()
    )
    return [match[1] for match in found if match]


def test_one_test_a_case(tmp_path: Path) -> None:
    from dlf.conform import Runner

    status, out = suite(tmp_path, "--dlf-device", "cpu", "--collect-only", "-q")
    assert status == 0, out
    assert sorted(ids(out)) == sorted(case.name for case in Runner("cpu").cases())


def test_passes_and_skips_with_reasons(tmp_path: Path) -> None:
    options = ("--dlf-device", "sim", "--dlf-level", "L1", "-k", "required or neg/", "-rs")
    status, out = suite(tmp_path, *options)
    assert status == 0, out
    assert " passed" in out
    for line in (line for line in out.splitlines() if line.startswith("SKIPPED")):
        assert "claimed" in line or "kernel" in line


def test_failures_carry_reason_and_replay(tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.write_text("neg/*  # all of them\n")
    options = ("--dlf-device", "cpu", "--dlf-xfail", str(known), "--dlf-seed", "3", "-k", "neg/")
    status, out = suite(tmp_path, *options)
    assert status == 1, out
    assert "passes, but 'neg/*' expects it to fail" in out
    assert "replay: dlf conform cpu --case 'neg/" in out
    assert "--seed 3" in out
    assert "dlf_pytest" not in out


def test_workers_agree_on_the_cases(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    options = ("--dlf-device", "cpu", "-k", "neg/", "-v")
    alone, together = (suite(tmp_path, *options, *more) for more in ((), ("-n", "2")))
    assert alone[0] == together[0] == 0, together[1]
    assert " passed" in together[1]
    assert set(ids(together[1])) == set(ids(alone[1])) != set()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "dlf.conform.suite needs the device that is to be tested: add --dlf-device NAME"),
        (("-n", "2"), "add --dlf-device NAME"),
        (("--dlf-device", "cpuu"), "unknown device type 'cpuu'; did you mean 'cpu'?"),
        (("--dlf-device", "cpu", "--dlf-level", "L7"), "expected one of L0, L1, L2"),
        (("--dlf-device", "cpu", "--dlf-xfail", "absent"), "absent"),
    ],
)
def test_wrong_use(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    status, out = suite(tmp_path, *options)
    assert status == pytest.ExitCode.USAGE_ERROR, out
    assert message in out
    assert "Traceback" not in out


@pytest.mark.skipif(LOADED, reason="the installed distribution names the plugin")
def test_without_its_options_it_says_how_to_get_them(tmp_path: Path) -> None:
    status, out = suite(tmp_path, plugin=False)
    assert status != 0
    assert f"add -p {_MODULE} --dlf-device NAME" in out


def test_other_test_runs_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n")
    command = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "-q"]
    command += [] if LOADED else ["-p", _MODULE]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
