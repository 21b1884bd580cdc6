"""The out-of-tree backend in examples/ is built, installed and used as a stranger's would be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.environment import Environment

EXAMPLES = Path(__file__).parents[2] / "examples"
TOY = EXAMPLES / "plugins" / "dlf_toy"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    made = Environment.create(tmp_path_factory.mktemp("toy") / "venv")
    made.install(TOY, work=tmp_path_factory.mktemp("build"))
    return made


def test_backend_is_under_60_lines_in_all() -> None:
    files = [TOY / "pyproject.toml", *TOY.rglob("*.py")]
    assert sum(len(file.read_text("utf-8").splitlines()) for file in files) < 60


def test_installed_backend_is_listed(environment: Environment) -> None:
    done = environment.run("-m", "dlf_cli", "backends", "list")
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if "dlf-toy" in line)
    assert "0.1.0" in row
    assert "ok" in row


def test_trains_the_digits_with_fallback_allowed(environment: Environment) -> None:
    script = str(EXAMPLES / "train_digits.py")
    done = environment.run(script, "--device", "toy", "--epochs", "6", DLF_FALLBACK="allow")
    assert done.returncode == 0, done.stderr
    accuracy = re.search(r"test accuracy ([\d.]+)%", done.stdout)
    assert accuracy is not None, done.stdout
    assert float(accuracy[1]) > 90


def test_trains_from_the_command_line_with_fallback_allowed(environment: Environment) -> None:
    options = ["--model", "mlp", "--device", "toy", "--epochs", "1"]
    done = environment.run("-m", "dlf_cli", "train", "digits", *options, DLF_FALLBACK="allow")
    assert done.returncode == 0, done.stderr
    assert "test accuracy" in done.stdout


def test_is_refused_without_fallback(environment: Environment) -> None:
    """The message names op, device, dtype, the distribution at fault, and the way out."""
    script = str(EXAMPLES / "train_digits.py")
    done = environment.run(script, "--device", "toy", "--epochs", "1", DLF_FALLBACK="error")
    assert done.returncode != 0
    message = done.stderr.splitlines()[-1] if done.stderr else ""
    assert "MissingKernelError" in done.stderr, done.stderr
    for part in ("toy", "float32", "dlf-toy", "0.1.0", "DLF_FALLBACK=allow"):
        assert part in done.stderr, message


def test_tensors_go_there_and_back_without_fallback(environment: Environment) -> None:
    """What a backend at L0 has of its own needs no host fallback."""
    code = (
        "import dlf; t = dlf.tensor([[1.0, 2.0], [3.0, 4.0]]).to('toy');"
        "print(t.device, t.shape == (2, 2), t.cpu().tolist())"
    )
    done = environment.run("-c", code, DLF_FALLBACK="error")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0].endswith("True [[1.0, 2.0], [3.0, 4.0]]")
