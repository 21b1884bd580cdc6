"""Every way to fail that we know, installed at once: each command works and names each culprit."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.plugin.packages import HOSTILE, installed_once
from tests.support.environment import Environment

COMMANDS = {
    "train": ("train", "digits", "--epochs", "1"),
    "backends": ("backends", "list"),
    "backends as JSON": ("backends", "list", "--json"),
    "datasets": ("datasets", "list"),
    "optimizers": ("optimizers", "list"),
    "ops": ("ops", "list"),
    "doctor": ("doctor",),
    "doctor as JSON": ("doctor", "--json"),
    "help": ("--help",),
}
_SETTINGS = {
    "DLF_PROBE_TIMEOUT": "8",
    "DLF_PLUGINS": "",
    "DLF_DISABLE_PLUGINS": "",
    "DLF_STRICT_PLUGINS": "",
    "OMP_NUM_THREADS": "1",
}

# Distribution -> state, and parts of the line that tells the true cause.
FAULTS = {
    "dlf-import-error": ("broken", "ImportError: the npu's driver is not installed (from OSError"),
    "dlf-syntax-error": ("broken", "SyntaxError", "dlf_syntax_error.py, line 1"),
    "dlf-system-exit": ("broken", "SystemExit: wrong machine"),
    "dlf-other-api": ("incompatible", "requires kernel API >=2.0,<3, and this dlf gives 1.0"),
    "dlf-misspelt": ("broken", "'dlf_backend'; did you mean 'dlf_backends'?"),
    "dlf-raising": ("broken", "dlf_datasets failed: ValueError: no list of datasets"),
    "dlf-twin-two": ("shadowed", "the name is taken by plugin 'twin' of dlf-twin-one 4.2"),
    "dlf-exiting": ("unavailable", "device 'exiting': probe exited with status 3"),
    "dlf-crashing": ("unavailable", "device 'crashing': probe ended by signal SIGSEGV"),
    "dlf-hanging": ("unavailable", "device 'hanging': probe did not answer within 8 s"),
    "dlf-half-ops": ("broken", "dlf_ops failed: ValueError: no second op"),
    "dlf-half-cli": ("broken", "dlf_cli failed: RuntimeError: no second command"),
    "dlf-noisy": ("ok", "prints to standard output", "to import; it must be light"),
}

_LEFT = """
import json, sys
import dlf
assert not [name for name in sys.modules if name.startswith("dlf_")], "a plugin was imported"
assert dlf.ones(2).sum().item() == 2
import click
from dlf.plugin import get_host
from dlf.registry import registry

host, group = get_host(), click.Group()
host.extend_cli(group)
print(json.dumps({
    "ops": len(registry),
    "half": [op.name for op in registry if "half" in op.name],
    "commands": sorted(group.commands),
    "devices": sorted(spec.device_type for spec, _ in host.backend_specs()),
    "optimizers": sorted(set(host.optimizers()) & {"rolled_back", "half_ops", "noisy_optimizer"}),
    "datasets": sorted(set(host.datasets()) & {"half_cli", "noisy_data"}),
    "table": len(dlf.device("cpu").table),
}))
"""


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return installed_once(tmp_path_factory, "hostile-packages", HOSTILE)


@pytest.fixture(scope="module")
def said(hostile: Environment) -> dict[str, CompletedProcess[str]]:
    """What each command ended with; they run at the same time, for one of them waits."""

    def run(command: tuple[str, ...]) -> CompletedProcess[str]:
        return hostile.run("-m", "dlf_cli", *command, **_SETTINGS)

    with ThreadPoolExecutor(5) as pool:
        return dict(zip(COMMANDS, pool.map(run, COMMANDS.values()), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_command_works(said: dict[str, CompletedProcess[str]], name: str) -> None:
    done = said[name]
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "welcome" not in done.stdout


@pytest.mark.slow
def test_commands_say_what_they_are_for(said: dict[str, CompletedProcess[str]]) -> None:
    assert "accuracy" in said["train"].stdout
    assert "digits" in said["datasets"].stdout
    assert {"sgd", "noisy_optimizer"} <= {
        line.split()[0] for line in said["optimizers"].stdout.splitlines()
    }
    assert "matmul" in said["ops"].stdout
    assert "usable devices: cpu" in said["doctor"].stdout
    assert " half" not in said["help"].stdout


@pytest.mark.slow
@pytest.mark.parametrize("distribution", FAULTS)
def test_each_fault_has_its_line(said: dict[str, CompletedProcess[str]], distribution: str) -> None:
    state, *parts = FAULTS[distribution]
    for name in ("backends", "doctor"):
        lines = [line for line in said[name].stdout.splitlines() if f"{distribution} 4.2" in line]
        if distribution == "dlf-noisy" and name == "backends":
            continue  # a device that works; what its author should mend is the doctor's to tell
        assert [line for line in lines if all(part in line for part in (f" {state} ", *parts))], (
            f"{name}: {lines}"
        )


@pytest.mark.slow
def test_json_is_json(said: dict[str, CompletedProcess[str]]) -> None:
    rows = json.loads(said["backends as JSON"].stdout)
    states = {row["device"]: row["state"] for row in rows if row["device"]}
    assert states["cpu"] == states["noisy"] == states["twin_one"] == "ok"
    assert states["exiting"] == states["crashing"] == states["hanging"] == "unavailable"
    assert {"raising", "other", "misspelt", "twin_two"}.isdisjoint(states)
    assert json.loads(said["doctor as JSON"].stdout)["plugins"]


@pytest.mark.slow
def test_nothing_of_a_broken_plugin_is_left(hostile: Environment) -> None:
    def left(**settings: str) -> dict[str, Any]:
        done = hostile.run("-c", _LEFT, **(_SETTINGS | settings))
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    found, alone = left(), left(DLF_DISABLE_PLUGINS="1")
    assert (found["ops"], found["table"]) == (alone["ops"], alone["table"])
    assert found["half"] == found["commands"] == []
    assert found["optimizers"] == ["noisy_optimizer"]
    assert found["datasets"] == ["noisy_data"]
    others = {"crashing", "exiting", "hanging", "noisy", "twin_one"}
    assert set(found["devices"]) - set(alone["devices"]) == others


def test_every_package_has_its_fault() -> None:
    assert set(FAULTS) == set(HOSTILE) - {"dlf-twin-one"}
    assert len(FAULTS) >= 10
