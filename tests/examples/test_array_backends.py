"""The out-of-tree backends over array libraries: built, installed, judged and trained with."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from tests.support.environment import Environment

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "examples" / "plugins"
NEEDS = {"jax": ("jax",), "torch_tensors": ("torch", "array_api_compat")}
DEVICES = {"jax": "jax", "torch_tensors": "torchtensors"}
# JAX compiles each kernel for each shape: all cases take it long, and belong in its own CI.
CASES = {"jax": ["*/float32/special", "writing/*"], "torch_tensors": ["*"]}
# Compiled code need not be fast here; nor may it be kept from one test to the next.
QUICK = {"XLA_FLAGS": "--xla_backend_optimization_level=0", "DLF_FALLBACK": "error"}

FOLLOW = """
import sys
import numpy as np
import dlf
from tests.parity.models import SPECS

class Placed:
    def __init__(self, device): self.device = device
    def __getattr__(self, name): return getattr(dlf, name)
    def from_numpy(self, array): return dlf.from_numpy(array).to(self.device)
    def arange(self, *args): return dlf.arange(*args, device=self.device)

def losses(device):
    dlf.manual_seed(0)
    spec = SPECS["gpt"]
    training = spec.build(Placed(device))
    training.model.to(device)
    batch = spec.batch(np.random.default_rng(0))
    return np.array([training.step(batch).item() for _ in range(10)])

expected, got = losses("cpu"), losses(sys.argv[1])
assert expected[-1] < expected[0] - 0.1, expected
np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4)
assert not dlf.fallback.report(), dlf.fallback.report()
"""


@pytest.fixture(scope="module", params=sorted(DEVICES))
def name(request: pytest.FixtureRequest) -> str:
    for module in NEEDS[request.param]:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    return str(request.param)


@pytest.fixture(scope="module")
def environment(name: str, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    made = Environment.create(tmp_path_factory.mktemp(name) / "venv")
    made.install(PLUGINS / f"dlf_{name}", work=tmp_path_factory.mktemp("build"))
    return made


def test_a_backend_is_about_twenty_lines(name: str) -> None:
    text = (PLUGINS / f"dlf_{name}" / f"dlf_{name}" / "backend.py").read_text("utf-8")
    assert len([line for line in text.splitlines() if line.strip()]) <= 20


def test_installed_backend_is_listed(environment: Environment, name: str) -> None:
    done = environment.run("-m", "dlf_cli", "backends", "list")
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if line.startswith(DEVICES[name]))
    assert "ok" in row


def test_conforms(environment: Environment, name: str) -> None:
    for case in CASES[name]:
        options = ["--level", "L1", "--case", case, "-q"]
        done = environment.run("-m", "dlf_cli", "conform", DEVICES[name], *options, **QUICK)
        assert done.returncode == 0, done.stdout + done.stderr


def test_trains_the_digits(environment: Environment, name: str) -> None:
    options = ["--model", "cnn", "--device", DEVICES[name], "--epochs", "3"]
    done = environment.run("-m", "dlf_cli", "train", "digits", *options, **QUICK)
    assert done.returncode == 0, done.stderr
    accuracy = re.search(r"test accuracy ([\d.]+)%", done.stdout)
    assert accuracy is not None, done.stdout
    assert float(accuracy[1]) > 90


def test_losses_of_a_transformer_follow_the_cpu_s(environment: Environment, name: str) -> None:
    done = environment.run("-c", FOLLOW, DEVICES[name], PYTHONPATH=str(ROOT), **QUICK)
    assert done.returncode == 0, done.stderr


def test_what_does_not_exist_is_refused(environment: Environment, name: str) -> None:
    """An index out of range, which JAX itself lets pass, and a second device."""
    code = """
import sys
import dlf
x, index = dlf.ones(3, device=sys.argv[1]), dlf.tensor([5], device=sys.argv[1])
for wrong in (lambda: x[index], lambda: dlf.ones(2, device=sys.argv[1] + ":99")):
    try:
        wrong()
    except (IndexError, RuntimeError) as error:
        print("refused:", error)
"""
    done = environment.run("-c", code, DEVICES[name], **QUICK)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("refused:") == 2, done.stdout
