"""`dlf backends`, `ops`, `optimizers`, `datasets` and `doctor`: what they say is so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dlf_cli.commands import doctor
from dlf_cli.main import main
from tests.plugin.packages import BARE, beside_others, overlay, unpack_packages


def run(*args: str) -> str:
    result = CliRunner().invoke(main, list(args))
    assert result.exit_code == 0, result.stderr
    return result.stdout


def rows(text: str) -> dict[str, list[str]]:
    """The rows of a plain table by their first word."""
    return {line.split()[0]: line.split() for line in text.splitlines()[1:] if line.strip()}


def test_backends() -> None:
    found = rows(run("backends", "list"))
    assert found["cpu"][1] == "ok"
    assert found["sim"][1] == "ok"


def test_backends_verbose() -> None:
    text = run("backends", "list", "--verbose")
    for part in ("cpu: ok", "dlf_numpy_cpu", "float32", "kernels  "):
        assert part in text


def test_backends_as_json() -> None:
    found = {row["device"]: row for row in json.loads(run("backends", "list", "--json"))}
    cpu = found["cpu"]
    assert (cpu["state"], cpu["module"]) == ("ok", "dlf_numpy_cpu.plugin")
    assert "float32" in cpu["caps"]["dtypes"]
    assert len(found["sim"]["devices"]) == 2


def test_explain_names_every_op_once() -> None:
    import dlf  # noqa: F401  # declares the ops
    from dlf.registry import registry

    found = json.loads(run("backends", "explain", "cpu", "--json"))
    assert sorted(row["op"] for row in found) == sorted(op.name for op in registry)
    assert {row["op"]: row["source"] for row in found}["matmul"] == "native"
    text = run("backends", "explain", "cpu", "--source", "native")
    assert "matmul" in rows(text)
    assert "decomposed" not in text


@pytest.fixture(scope="module")
def overlays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("overlays")
    given = [
        overlay("low", 1, "relu", "tan"),
        overlay("high", 5, "relu"),
        overlay("off", 9, "relu"),
    ]
    packages = {f"dlf-{name}": (name, source) for name, source in given}
    unpack_packages(folder, packages | BARE)
    return folder


def beside(folder: Path, *args: str, **settings: str) -> Any:
    """The JSON that `dlf` prints beside the plugins of `folder`."""
    done = subprocess.run(
        [sys.executable, "-m", "dlf_cli", *args, "--json"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": beside_others(folder), **settings},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def explained(folder: Path, device: str, *options: str, **settings: str) -> dict[str, Any]:
    """What `dlf backends explain` says beside the plugins of `folder`, by op."""
    given = beside(folder, "backends", "explain", device, *options, **settings)
    return {row["op"]: row for row in given}


_TWO = """
import dlf_bare
from dlf.plugin import BackendSpec, Probe, hookimpl

class First(dlf_bare.Made):
    device_type = "first"

class Second(dlf_bare.Made):
    device_type = "second"
    def probe(self): return Probe(False, "no such card")

@hookimpl
def dlf_backends():
    return [BackendSpec(n, n, f"dlf_two:{n.title()}", native=False) for n in ("first", "second")]
"""


def test_a_device_that_works_is_not_blamed_for_another(tmp_path: Path) -> None:
    unpack_packages(tmp_path, BARE | {"dlf-two": ("two", _TWO)})
    found = {row["device"]: row for row in beside(tmp_path, "backends", "list")}
    assert (found["first"]["state"], found["first"]["devices"]) == ("ok", ["one"])
    assert found["second"]["state"] == "unavailable"
    assert found["second"]["reason"] == "device 'second': no such card"


def test_explain_says_whose_kernel_it_is_and_why_no_others(overlays: Path) -> None:
    found = explained(overlays, "cpu", DLF_KERNELS="-off")
    relu, tan, silu = found["relu"], found["tan"], found["silu"]
    own = relu["not_taken"][1]["package"]
    assert (relu["source"], relu["origin"], relu["package"]) == ("overlay", "high", "dlf-high 4.2")
    assert relu["not_taken"] == [
        {"name": "low", "package": "dlf-low 4.2", "why": "priority 1, and high has 5"},
        {"name": "numpy_cpu", "package": own, "why": "overlays stand before a device's own"},
        {"name": "off", "package": "dlf-off 4.2", "why": "switched off by DLF_KERNELS"},
        {"name": "decomposition", "package": own, "why": "not needed"},
    ]
    assert relu["without"] == "kernel of low"
    assert (tan["origin"], tan["without"]) == ("low", "kernel of numpy_cpu")
    assert own.startswith("dlf ")
    assert silu["package"] == own
    assert found["matmul"]["without"] == "host, which DLF_FALLBACK=error forbids"


def test_explain_says_what_is_left_of_the_host(overlays: Path) -> None:
    for policy, text in (("error", "host, which DLF_FALLBACK=error forbids"), ("allow", "host")):
        found = explained(overlays, "bare", "--op", "m*", DLF_FALLBACK=policy)
        assert set(found) >= {"matmul", "mul", "mse_loss"}
        assert all(name.startswith("m") for name in found)
        assert found["matmul"]["source"] == "fallback"
        assert found["matmul"]["without"] == text
        assert found["mse_loss"]["source"] == "decomposed"
        assert found["mse_loss"]["without"] == ""


def test_explain_selects() -> None:
    text = run("backends", "explain", "cpu", "--op", "mat*")
    assert set(rows(text)) == {"matmul", "1"}
    assert "numpy_cpu (dlf " in text
    result = CliRunner().invoke(main, ["backends", "explain", "cpu", "--op", "matmull"])
    assert result.exit_code == 2
    assert "did you mean 'matmul'" in result.stderr


def test_ops() -> None:
    found = rows(run("ops", "list"))
    assert found["matmul"][1:5] == ["primitive", "1.0", "yes", "no"]
    assert set(rows(run("ops", "list", "log*"))) <= {name for name in found if name[:3] == "log"}
    assert "matmul" not in rows(run("ops", "list", "--kind", "composite"))


def test_op() -> None:
    text = run("ops", "show", "matmul")
    assert text.startswith("matmul(")
    assert "gradient: yes" in text
    assert ["cpu", "native"] in [line.split()[:2] for line in text.splitlines()]


def test_optimizers() -> None:
    assert {"sgd", "adam", "adamw", "rmsprop"} <= set(rows(run("optimizers", "list")))


def test_datasets() -> None:
    found = rows(run("datasets", "list"))
    assert set(found) >= {"digits", "mnist"}


def test_doctor() -> None:
    text = run("doctor")
    for part in ("python", "numpy", "BLAS", "processors", "DLF_FALLBACK", "usable devices: cpu"):
        assert part in text
    assert "DLF_PROBE_TIMEOUT" in text


def test_doctor_shows_the_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLF_FALLBACK", "warn")
    assert json.loads(run("doctor", "--json"))["switches"]["DLF_FALLBACK"] == "warn"


def test_doctor_without_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {"device": "cpu", "state": "broken", "reason": "no arithmetic", "devices": []}
    monkeypatch.setattr(doctor, "backend_rows", lambda: [broken])
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 1
    assert "no arithmetic" in result.stdout
    assert "usable devices: none" in result.stdout
