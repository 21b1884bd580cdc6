"""A training step on `sim`, whose kernels run late, never waits for them: what holds there holds on
every device with streams.
"""

from __future__ import annotations

from typing import Any

import pytest

import dlf
from dlf import nn
from dlf_sim.backend import SimBackend
from dlf_sim.handle import Buffer


def test_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3),
        nn.BatchNorm2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(72, 4),
        nn.LayerNorm(4),
        nn.GELU(),
        nn.Linear(4, 3),
    ).to("sim")
    optimizer = dlf.optim.AdamW(model.parameters())
    x, y = dlf.randn(2, 1, 8, 8).to("sim"), dlf.rand(2, 3).to("sim")

    def step() -> Any:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x).log_softmax(1), y)
        loss.backward()
        optimizer.step()
        return loss

    step().item()
    waits: list[str] = []
    to_host, wait = SimBackend.to_host, Buffer.wait
    monkeypatch.setattr(SimBackend, "to_host", lambda *a: (waits.append("to_host"), to_host(*a))[1])
    monkeypatch.setattr(Buffer, "wait", lambda *a: (waits.append("wait"), wait(*a))[1])
    loss = step()
    assert not waits
    loss.item()
    assert waits, "the wait of item was not seen"
