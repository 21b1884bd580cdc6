"""`dlf backends`, `ops`, `optimizers`, `datasets` and `doctor`: what they say is so."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from dlf_cli.commands import doctor
from dlf_cli.main import main


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
