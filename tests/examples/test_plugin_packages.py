"""The packages in examples/plugins, installed together, each with its own tests."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support.environment import Environment
from tests.support.packages import build_wheels, own_tests, shared_environment

FOLDER = Path(__file__).parents[2] / "examples" / "plugins"
# Those that need nothing but dlf and what it needs itself.
NAMES = ("blocked", "lion", "params", "snake", "spirals", "toy")
PROJECTS = [FOLDER / f"dlf_{name}" for name in NAMES]
each = pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.name)


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    def wheels(folder: Path) -> list[Path]:
        ignored = shutil.ignore_patterns("__pycache__")
        copies = [folder / "projects" / project.name for project in PROJECTS]
        for project, copy in zip(PROJECTS, copies, strict=True):
            shutil.copytree(project, copy, ignore=ignored)
        return build_wheels(copies, folder / "wheels")

    return shared_environment(tmp_path_factory, "example-plugins", wheels)


def dlf(environment: Environment, *arguments: str) -> str:
    done = environment.run("-m", "dlf_cli", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@each
def test_own_tests_pass(environment: Environment, project: Path) -> None:
    own_tests(environment, project)


@each
def test_check_has_nothing_to_say(environment: Environment, project: Path) -> None:
    lines = dlf(environment, "plugin", "check", project.name.replace("_", "-")).splitlines()
    assert [line for line in lines[:-1] if not line.startswith("ok ")] == []
    assert " 0 errors, 0 warnings, " in lines[-1]


@each
def test_readme_gives_the_line_for_continuous_integration(project: Path) -> None:
    lines = (project / "README.md").read_text("utf-8").splitlines()
    line = next(line for line in lines if line.startswith("python -m pip install") and "&&" in line)
    assert "dlf plugin check ." in line
    assert line.endswith("python -m pytest")


def test_everything_is_listed(environment: Environment) -> None:
    assert "dlf-toy 0.1.0" in dlf(environment, "backends", "list")
    assert "dlf-lion" in dlf(environment, "optimizers", "list")
    assert "dlf-spirals" in dlf(environment, "datasets", "list")
    assert "snake(input, frequency)" in dlf(environment, "ops", "list", "snake")
    explained = json.loads(dlf(environment, "backends", "explain", "cpu", "--json"))
    assert {row["op"] for row in explained if row["source"] == "overlay"} == {
        "elu",
        "hardswish",
        "logsigmoid",
        "mish",
        "softplus",
    }


def test_they_train_together(environment: Environment) -> None:
    options = ["--model", "mlp", "--optimizer", "lion", "--lr", "1e-3", "--epochs", "2"]
    output = str(environment.folder / "spirals.dlf")
    text = dlf(environment, "train", "spirals", *options, "--output", output)
    assert "test accuracy" in text
    assert dlf(environment, "params", output).splitlines()[-1] == "4 tensors, 1,539 elements"
