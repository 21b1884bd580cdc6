"""Small models trained in mixed precision follow PyTorch's losses, and their own in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import dlf

STEPS = 12


def model_of(T: Any, kind: str) -> Any:
    nn = T.nn
    if kind == "mlp":
        return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.LayerNorm(32), nn.Linear(32, 4))
    return nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)),
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.GELU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32, 4),
    )


def same_weights(ours: Any, theirs: Any) -> None:
    ours.load_state_dict({k: dlf.tensor(v.numpy()) for k, v in theirs.state_dict().items()})


def train(T: Any, model: Any, dtype: Any, inside: bool, scaled: bool) -> list[float]:
    rng = np.random.default_rng(0)
    x = T.tensor(rng.standard_normal((32, 16)).astype(np.float32))
    y = T.tensor(rng.integers(0, 4, 32))
    optimizer = T.optim.AdamW(model.parameters(), lr=0.01)
    scaler = T.amp.GradScaler("cpu", enabled=scaled, init_scale=2.0**10)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        with T.autocast("cpu", dtype=dtype, enabled=inside):
            loss = T.nn.functional.cross_entropy(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_losses_follow(kind: str, dtype: str, scaled: bool) -> None:
    torch.manual_seed(0)
    theirs = model_of(torch, kind)
    ours, plain = model_of(dlf, kind), model_of(dlf, kind)
    same_weights(ours, theirs)
    same_weights(plain, theirs)
    mixed = train(dlf, ours, getattr(dlf, dtype), True, scaled)
    wide = train(dlf, plain, dlf.bfloat16, False, False)
    oracle = train(torch, theirs, getattr(torch, dtype), True, scaled)
    assert mixed[-1] < 0.8 * mixed[0], "it learns"
    np.testing.assert_allclose(mixed, oracle, rtol=0.03, atol=0.01)
    np.testing.assert_allclose(mixed, wide, rtol=0.03, atol=0.01)
    assert mixed != wide
