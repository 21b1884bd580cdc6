"""What the tests share: the built card, and running code in a process that sees it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
RUN = [sys.executable, str(HERE / "run.py")]

Run = Callable[..., str]


@pytest.fixture(scope="session", autouse=True)
def asked_for(request: pytest.FixtureRequest) -> None:
    """Building the card takes minutes the first time, and its kernels some more."""
    if "emulated" not in request.config.getoption("markexpr"):
        pytest.skip("an emulated card is built and used only with -m emulated")


@pytest.fixture(scope="session")
def card(asked_for: None) -> Run:
    """``card(code, *arguments, **environment)``: what Python code prints that sees the card.

    `code` may also be the path of a script. It must end well.
    """
    built = subprocess.run([*RUN, "--build"], capture_output=True, text=True, check=False)
    if built.returncode == 2:
        pytest.skip(built.stderr.strip())
    assert built.returncode == 0, built.stderr[-4000:]

    def run(code: str | Path, *arguments: str, timeout: float = 1200, **environment: str) -> str:
        given = ["-c", code] if isinstance(code, str) else [str(code)]
        done = subprocess.run(
            [*RUN, "python", *given, *arguments],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, (done.stdout[-4000:], done.stderr[-4000:])
        return done.stdout

    return run
