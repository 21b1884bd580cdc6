"""docs/device-in-an-afternoon.md from top to bottom: its files are written and its commands run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.environment import Environment

PAGE = Path(__file__).parents[2] / "docs" / "device-in-an-afternoon.md"
_BLOCK = re.compile(r"^```(bash fails|bash|python|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CALM = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}


def command(environment: Environment, line: str) -> list[str]:
    """The page's command, with this environment's Python; pip takes nothing from the network."""
    words = shlex.split(line)
    if words[0] == "dlf":
        return [str(environment.python), "-m", "dlf_cli", *words[1:]]
    assert words[0] == "python"
    if words[1:4] == ["-m", "pip", "install"]:
        if "--editable" not in words:
            return [str(environment.python), "-c", "import torch, array_api_compat.torch"]
        offline = ["--no-index", "--no-deps", "--no-build-isolation", *words[4:]]
        pip = [sys.executable, "-m", "pip", "--python", str(environment.python), "install"]
        return pip + offline
    return [str(environment.python), *words[1:]]


@pytest.mark.slow
def test_page(tmp_path: Path) -> None:
    pytest.importorskip("array_api_compat", reason="the page's array library is not installed")
    pytest.importorskip("editables", reason="hatchling's editable installs need it")
    environment = Environment.create(tmp_path / "venv")
    printed = ""
    for kind, text in _BLOCK.findall(PAGE.read_text("utf-8")):
        if kind == "python":
            name, _, rest = text.partition("\n")
            (tmp_path / name.removeprefix("# ")).write_text(rest, "utf-8")
        elif kind == "text":
            for line in text.splitlines():
                expected = re.sub(r"\d+ (passed|skipped)", r"\\d+ \1", re.escape(line))
                expected = re.sub(r"\d+\\ (passed|skipped)", r"\\d+ \1", expected)
                assert re.search(expected, printed), line
        else:
            printed = ""
            for line in text.splitlines():
                done = subprocess.run(
                    command(environment, line),
                    cwd=tmp_path,
                    env=os.environ | _CALM,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                printed += done.stdout
                status = 1 if kind == "bash fails" else 0
                assert done.returncode == status, f"{line}\n{done.stdout}\n{done.stderr}"
