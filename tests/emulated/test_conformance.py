"""Some of the conformance tests on the emulated card; README.md has the command for all."""

from __future__ import annotations

import json

import pytest

from tests.emulated.conftest import Run

pytestmark = pytest.mark.emulated

# Each kind of kernel once: CuPy's own, a sort, a product, and the project's sources.
OPS = (
    "add sort cumsum matmul softmax cross_entropy layer_norm batch_norm gelu dropout attention "
    "flash_attention conv2d conv2d_weight_grad max_pool2d embedding adam_step random_normal"
).split()

RUNS = """
import json, sys
import dlf.nn, dlf.optim
from dlf.conform import Runner
runner = Runner("cuda", level="L2")
found = {}
for name in sys.argv[1:]:
    chosen = ("*", name) if "/" in name else (name, "*")
    results = [runner.one(case) for case in runner.cases(*chosen)]
    bad = [f"{one.case.name}: {one.reason}" for one in results if one.bad]
    found[name] = [sum(one.status == "passed" for one in results), bad]
print(json.dumps(found))
"""


def passes(told: str, names: list[str]) -> None:
    found = json.loads(told)
    assert set(found) == set(names)
    assert not any(bad for _, bad in found.values()), found
    assert all(passed for passed, _ in found.values()), found


def test_ops(card: Run) -> None:
    passes(card(RUNS, *OPS), OPS)


def test_services(card: Run) -> None:
    """Streams, memory, random numbers and so on, on two cards whose streams run late."""
    names = ["service/*", "copies/*", "training/mlp/*"]
    passes(card(RUNS, *names, DLF_CARD_LATE="1", DLF_CARD_DEVICES="2"), names)
