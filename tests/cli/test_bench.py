"""`dlf bench`: right arithmetic, every listed op runs, mistakes told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dlf_cli.bench import peak, timing
from dlf_cli.bench.fallbacks import Fallbacks, counted
from dlf_cli.commands import bench as command
from dlf_cli.main import main
from dlf_cli.models import forward_flops
from tests.plugin.packages import BARE, beside_others, unpack_packages


def run(*args: object) -> str:
    result = CliRunner().invoke(main, ["bench", *map(str, args)])
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peak that is known and costs nothing."""
    monkeypatch.setattr(peak, "measure_peak", lambda *_: peak.Peak(flops=1e12, bytes=1e11))


def measured(*args: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*args, "--seconds", "0.01", "--json"))
    return found


def test_list_has_all_four_kinds() -> None:
    rows = json.loads(run("--list", "--json"))
    assert {row["kind"] for row in rows} == {"op", "optimizer", "loader", "step"}
    names = {row["name"] for row in rows}
    assert {"matmul", "relu", "softmax", "conv2d", "adam", "digits", "train_mlp"} <= names
    assert "matmul" in run("--list")


def test_matmul_rate_is_its_arithmetic(quick: None) -> None:
    report = measured("matmul", "--size", 64)
    assert report["work"]["flops"] == 2 * 64**3
    best = report["seconds"]["best"]
    assert report["rate"]["unit"] == "GFLOP/s"
    assert report["rate"]["best"] == pytest.approx(2 * 64**3 / 1e9 / best)
    assert report["rate"]["median"] <= report["rate"]["best"]
    assert report["share_of_peak"] == pytest.approx(2 * 64**3 / best / 1e12)


@pytest.mark.parametrize(
    ("name", "moved"),
    [("relu", 2 * 4000), ("add", 3 * 4000), ("eq", 2 * 4000 + 1000), ("sum", 4000 + 4)],
)
def test_bytes_that_must_move(quick: None, name: str, moved: int) -> None:
    assert measured(name, "--size", 1000)["work"]["bytes"] == moved


@pytest.mark.parametrize(("name", "copies"), [("sgd", 3), ("adam", 7)])
def test_optimizers_count_their_state(quick: None, name: str, copies: int) -> None:
    report = measured(name, "--size", 4000)
    assert report["work"]["bytes"] == copies * 16000
    assert report["kind"] == "optimizer"


def test_loader_counts_samples(quick: None) -> None:
    report = measured("digits")
    assert report["work"]["samples"] == 1442
    assert report["rate"]["unit"] == "samples/s"


@pytest.mark.parametrize("name", ["train_mlp", "train_cnn"])
def test_training_steps(quick: None, name: str) -> None:
    report = measured(name, "--size", 2)
    assert report["work"]["samples"] == 2
    assert report["share_of_peak"] > 0


def test_flops_of_a_forward_pass() -> None:
    assert forward_flops("mlp", (1, 28, 28), 10) == [2 * 784 * 256, 2 * 256 * 10]
    assert forward_flops("cnn", (1, 28, 28), 10)[0] == 2 * 28 * 28 * 32 * 9


@pytest.mark.filterwarnings("ignore")
def test_every_op_listed_runs_at_a_small_size() -> None:
    import dlf
    from dlf_cli.bench.cases import Setup, all_cases

    failed = {}
    for name, case in all_cases().items():
        if case.kind not in ("op", "optimizer"):
            continue
        setup = Setup(dlf.device("cpu"), getattr(dlf, case.dtype))
        try:
            work = case.build(setup, 16)
            work.run()
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"
            continue
        assert work.flops or work.bytes, name
    assert failed == {}


def test_op_and_dtype_that_do_not_go_together(quick: None) -> None:
    result = CliRunner().invoke(main, ["bench", "bit_and", "--dtype", "float32"])
    assert result.exit_code == 2
    assert "bit_and does not run with float32" in result.stderr
    assert result.stderr.count("\n") == 1


def test_page(quick: None) -> None:
    text = run("matmul", "--size", 32, "--seconds", "0.01")
    assert text.startswith("matmul (op) on cpu, float32, 32 rows and columns\n")
    assert "% of the measured peak, 1000.0 GFLOP/s of a matrix product" in text


def test_no_fallback_is_told(quick: None) -> None:
    assert "host fallbacks: none" in run("add", "--size", 32, "--seconds", "0.01")
    report = measured("add", "--size", 32)
    assert report["fallbacks"] == {"calls": 0, "bytes": 0, "ops": {}}


def test_fallbacks_that_were_timed_are_told(tmp_path: Path) -> None:
    unpack_packages(tmp_path, BARE)
    command = [sys.executable, "-m", "dlf_cli", "bench", "add", "--device", "bare"]
    added = {"PYTHONPATH": beside_others(tmp_path), "DLF_FALLBACK": "allow"}
    done = subprocess.run(
        [*command, "--size", "100", "--seconds", "0.01"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | added,
    )
    assert done.returncode == 0, done.stderr
    warned = [line for line in done.stdout.splitlines() if line.startswith("warning: ")]
    assert warned[0].startswith(
        "warning: host fallbacks were timed, so this is not the speed of bare"
    )
    assert " calls (add " in warned[0]
    assert warned[1].startswith("warning: the peak was measured with host fallbacks too")


def test_fallbacks_are_counted_in_their_block(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlf import fallback

    monkeypatch.setattr(fallback, "_counts", {})
    fallback.note("add", "npu", 7)
    with counted() as found:
        assert found == Fallbacks()
        fallback.note("add", "npu", 10)
        fallback.note("add", "npu:1", 20)
        fallback.note("mul", "npu", 30)
    with counted(found):
        fallback.note("mul", "npu", 40)
    assert found == Fallbacks(4, 100, {"add": 2, "mul": 2})


def test_bar_stays_in_its_frame() -> None:
    assert command._bar(0.5, 4) == "[##..]"
    assert command._bar(7.0, 4) == "[####]"


def test_measure_counts_its_calls() -> None:
    calls = []
    found = timing.measure(lambda: calls.append(1), lambda: None, seconds=0.01, most_rounds=5)
    assert len(calls) == 2 + found.rounds * found.calls
    assert 0 < found.best <= found.median


@pytest.mark.slow
def test_peak_is_measured() -> None:
    import dlf

    found = peak.measure_peak(dlf.device("cpu"), dlf.float32, lambda: None, 0.05)
    assert found.flops > 1e8
    assert found.bytes > 1e8
