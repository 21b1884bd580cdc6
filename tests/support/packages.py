"""Packages built into wheels and installed into one environment, once a run of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.support.environment import Environment

_CALM = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}


def build_wheels(projects: Iterable[Path], into: Path) -> list[Path]:
    """Build a wheel of each project, without network, and give them all."""
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", into]
    _pip("wheel", *options, *projects)
    return sorted(into.glob("*.whl"))


def install_wheels(environment: Environment, wheels: Iterable[Path]) -> None:
    """Install `wheels` by one run of pip, without what they depend on."""
    options = ["--quiet", "--no-index", "--no-deps", "--no-compile"]
    _pip("--python", environment.python, "install", *options, *wheels)


def shared_environment(
    factory: pytest.TempPathFactory, name: str, wheels: Callable[[Path], Iterable[Path]]
) -> Environment:
    """An environment with the wheels that `wheels` gives, which may build them in a folder.

    The workers of one test run share what the first of them makes.
    """
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    done, failed = folder / "done", folder / "failed"
    try:
        folder.mkdir()
    except FileExistsError:
        for _ in range(3000):
            if done.exists():
                return Environment(folder / "venv")
            if failed.exists():
                break
            time.sleep(0.1)
        pytest.fail("the worker that installs the packages did not succeed")
    try:
        made = Environment.create(folder / "venv")
        install_wheels(made, wheels(folder))
    except BaseException:
        failed.touch()
        raise
    done.touch()
    return made


def own_tests(environment: Environment, project: Path) -> None:
    """Run the tests of `project` in `environment`, where it is installed."""
    options = ["-q", "-W", "error", "-p", "no:cacheprovider", "--import-mode", "importlib"]
    done = environment.run(
        *["-m", "pytest", *options, "-c", os.devnull, "--rootdir", str(project)],
        str(project / "tests"),
        PYTHONDONTWRITEBYTECODE="1",
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | _CALM
    )
    assert done.returncode == 0, done.stdout + done.stderr
