"""Trains small models on the emulated card, for `test_training.py`; prints what it found as JSON.

The models are those of `tests/parity`, from the weights of a model on the CPU, over new batches.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import dlf
from dlf_cupy_gpu.waits import count_synchronizations
from tests.parity.models import SPECS, Training

STEPS, WARMUP = 6, 2

card = ctypes.CDLL("libcard.so")
card.card_launch_count.restype = card.card_wait_count.restype = ctypes.c_long

Found = dict[str, Any]


class Moved:
    """dlf, whose `from_numpy` here takes tensors that are on their device already."""

    def __init__(self) -> None:
        self.from_numpy = lambda tensor: tensor

    def __getattr__(self, name: str) -> Any:
        return getattr(dlf, name)


def training(name: str, device: str, weights: Any) -> Training:
    """A model on `device` with `weights`, and its optimizer."""
    dlf.set_default_device(device)
    made = SPECS[name].build(Moved())  # type: ignore[arg-type]  # stands in for the module
    if weights is not None:
        made.model.load_state_dict(weights)
    return made


def batches(name: str, device: str) -> list[dict[str, Any]]:
    """The same for every device."""
    rng = np.random.default_rng(1)
    drawn = [SPECS[name].batch(rng) for _ in range(STEPS)]
    return [{k: dlf.from_numpy(v).to(device) for k, v in one.items()} for one in drawn]


def losses(step: Callable[..., Any], given: list[dict[str, Any]]) -> Found:
    """The losses, and what the last step cost: launches and waits of the host."""
    kept, found = [], {}
    for one in given:
        launches, waits = card.card_launch_count(), card.card_wait_count()
        with count_synchronizations() as counter:
            value = step(one)
        found = {
            "launches": card.card_launch_count() - launches,
            "waits of the host": card.card_wait_count() - waits,
            "counted waits": dict(counter),
        }
        kept.append(value.detach().clone())
    return found | {"losses": [one.item() for one in kept]}


def main(name: str) -> Found:
    """The losses on the CPU, on the card step by step, and on the card captured in a graph."""
    dlf.manual_seed(0)
    reference = training(name, "cpu", None)
    weights = {key: value.clone() for key, value in reference.model.state_dict().items()}
    out: Found = {"cpu": [reference.step(one).item() for one in batches(name, "cpu")]}
    for way in ("eager", "captured"):
        step: Any = training(name, "cuda", weights).step
        if way == "captured":
            step = dlf.cuda.graph(step, warmup=WARMUP)
        out[way] = losses(step, batches(name, "cuda"))
    return out


if __name__ == "__main__":
    print(json.dumps({name: main(name) for name in sys.argv[1:]}))
