"""Once a device's table is filled, an op asks neither pluggy nor the host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pluggy
import pytest

import dlf
from dlf.plugin import Host
from tests.plugin.packages import UNUSED, beside_others, unpack_packages

_COUNT = """
import json, sys

def plugins():
    return sorted(name for name in sys.modules if name.startswith("dlf_unused"))

import dlf
imported_by_dlf = plugins()
model = dlf.nn.Linear(3, 2)
optimizer = dlf.optim.Adam(model.parameters())
x = dlf.ones(2, 3)

def step():
    optimizer.zero_grad()
    (model(x).relu().sum() + dlf.zeros(1)).sum().backward()
    optimizer.step()

step()
import pluggy
from dlf.registry import registry

calls = 0
called = pluggy.HookCaller.__call__
def count(*args, **arguments):
    global calls
    calls += 1
    return called(*args, **arguments)

pluggy.HookCaller.__call__ = count
table = x.device.table
before = list(table)
for _ in range(100):
    step()
print(json.dumps({
    "imported_by_dlf": imported_by_dlf,
    "imported_later": sorted(set(plugins()) - set(imported_by_dlf)),
    "calls": calls,
    "same_table": x.device.table is table and list(map(id, table)) == list(map(id, before)),
    "kernels": {
        op.name: getattr(table[op.slot], "__module__", str(table[op.slot]))
        for op in registry
        if not op.name.startswith("unused")
    },
    "ops": len(table),
}))
"""


def counts(folder: Path) -> dict[str, Any]:
    """What a training loop does beside the plugins of `folder`."""
    done = subprocess.run(
        [sys.executable, "-c", _COUNT],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": beside_others(folder)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_nothing_is_asked_after_the_table_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    x = dlf.ones(2, 3, requires_grad=True)
    y = (x @ x.T).relu().sum()
    y.backward()

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the plugin host was asked on the hot path")

    x.grad = None
    # pytest runs on pluggy itself, so the patches end with the block.
    with monkeypatch.context() as patch:
        for name in ("_ready", "load_backend", "overlays", "register_ops", "backend_specs"):
            patch.setattr(Host, name, refuse)
        patch.setattr(pluggy.HookCaller, "__call__", refuse)
        ((x @ x.T).relu().sum() * dlf.zeros(1)).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[0.0] * 3] * 2


def test_ten_unused_plugins_change_nothing_on_the_way_of_an_op(tmp_path: Path) -> None:
    unpack_packages(tmp_path / "ten", UNUSED)
    ten, none = counts(tmp_path / "ten"), counts(tmp_path)
    assert ten["imported_by_dlf"] == []
    # Light modules, which may bring kernels for this very device; nothing that they name.
    assert set(ten["imported_later"]) <= {name.replace("-", "_") for name in UNUSED}
    assert ten["calls"] == none["calls"] == 0
    assert ten["same_table"] and none["same_table"]
    assert ten["kernels"] == none["kernels"]
    assert ten["ops"] == none["ops"] + len(UNUSED)
