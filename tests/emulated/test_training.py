"""Training steps on the emulated card: their losses, and how much they ask of a card."""

from __future__ import annotations

import json

import pytest

from tests.emulated.conftest import HERE, Run

pytestmark = pytest.mark.emulated

# Launches of one eager step. A fused kernel that is not used any more makes them many more; fewer
# are an improvement, to be noted here.
LAUNCHES = {"mlp": 16, "cnn": 29, "gpt": 106}
# Of a captured step: the graphs' launches are not kernels, the optimizer's step comes between two.
CAPTURED = 1


@pytest.mark.parametrize("name", sorted(LAUNCHES))
def test_steps(card: Run, name: str) -> None:
    """Eager and captured, with streams that run late, the losses are the same and the CPU's."""
    told = card(HERE / "training.py", name, DLF_CARD_LATE="1")
    found = json.loads(told)[name]
    eager, captured = found["eager"], found["captured"]
    assert eager["losses"] == captured["losses"]
    assert eager["losses"] == pytest.approx(found["cpu"], rel=1e-5)
    assert len(set(found["cpu"])) == len(found["cpu"])
    for way in (eager, captured):
        assert not way["counted waits"] and not way["waits of the host"], way
    assert 0 < eager["launches"] <= LAUNCHES[name]
    assert captured["launches"] <= CAPTURED
