"""A backend that is there, but whose kernels cannot be had, is listed as broken with the reason."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.plugin.packages import BARE, beside_others, unpack_packages

_SOURCE = """
import dlf_bare
from dlf.plugin import BackendSpec, hookimpl

class Sound(dlf_bare.Made):
    device_type = "sound"

class Broken(dlf_bare.Made):
    device_type = "broken"
    def kernels(self):
        print("looking for libnpu")
        {body}

@hookimpl
def dlf_backends():
    return [
        BackendSpec(n, n, f"dlf_half:{{n.title()}}", native=False) for n in ("sound", "broken")
    ]
"""

# What kernels() does -> what the reason says of it.
WAYS = {
    "raise OSError('libnpu.so.3 is too old')": "OSError: libnpu.so.3 is too old",
    "raise SystemExit('wrong card')": "SystemExit: wrong card",
    "import dlf; raise dlf.errors.PluginError('no licence')": "PluginError: no licence",
    "return ['add']": "TypeError: kernels() gave ['add']",
    "return {'add': None}": "TypeError: kernels() gave {'add': None}",
}


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """`dlf` beside the distribution of `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "dlf_cli", *args],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": beside_others(folder)},
    )


def printed(folder: Path, *args: str) -> Any:
    """The JSON that a command prints, and nothing beside it."""
    done = run(folder, *args, "--json")
    assert done.returncode == 0, done.stderr
    assert "looking for libnpu" in done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("body", "told"), WAYS.items(), ids=list(WAYS.values()))
def test_listed_as_broken(tmp_path: Path, body: str, told: str) -> None:
    unpack_packages(tmp_path, BARE | {"dlf-half": ("half", _SOURCE.format(body=body))})
    rows = {row["device"]: row for row in printed(tmp_path, "backends", "list")}
    found = rows["broken"]
    assert (found["state"], found["distribution"]) == ("broken", "dlf-half")
    assert found["reason"].startswith("device 'broken': its kernels: ")
    assert told in found["reason"]
    assert (found["devices"], found["caps"]) == ([], None)
    assert rows["sound"]["state"] == rows["bare"]["state"] == rows["cpu"]["state"] == "ok"


def test_doctor_and_the_table_say_so(tmp_path: Path) -> None:
    body = next(iter(WAYS))
    unpack_packages(tmp_path, BARE | {"dlf-half": ("half", _SOURCE.format(body=body))})
    report = printed(tmp_path, "doctor")
    plugins = {row["plugin"]: row for row in report["plugins"]}
    assert plugins["half"]["state"] == "broken"
    assert plugins["half"]["reason"].endswith(WAYS[body])
    assert plugins["half"]["error"] == WAYS[body]
    devices = {row["device"]: row for row in report["devices"]}
    assert devices["broken"]["state"] == "broken"
    for command in (("backends", "list"), ("doctor",)):
        done = run(tmp_path, *command)
        assert done.returncode == 0, done.stderr
        line = next(one for one in done.stdout.splitlines() if one.startswith("broken "))
        assert line.split()[1] == "broken"
        assert WAYS[body] in line
    usable = run(tmp_path, "doctor").stdout.rpartition("usable devices: ")[2]
    assert "sound" in usable
    assert "broken" not in usable
