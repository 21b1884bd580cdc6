"""The same models from the same weights: dlf's losses follow PyTorch's over 20 training steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import dlf
from tests.parity.models import SPECS

STEPS = 20


def copy_weights(source: Any, target: Any) -> None:
    """Load a torch module's parameters and buffers into the dlf module of the same structure."""
    state = source.state_dict()
    assert list(target.state_dict()) == list(state)
    target.load_state_dict({name: dlf.from_numpy(t.numpy().copy()) for name, t in state.items()})


@pytest.mark.parametrize("name", SPECS)
def test_losses_follow_torch(name: str) -> None:
    spec = SPECS[name]
    torch.manual_seed(0)
    theirs, ours = spec.build(torch), spec.build(dlf)
    copy_weights(theirs.model, ours.model)
    batch = spec.batch(np.random.default_rng(0))

    losses = [(ours.step(batch).item(), theirs.step(batch).item()) for _ in range(STEPS)]

    got, expected = np.array(losses).T
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4)
    assert expected[-1] < expected[0], "the model does not train, so the comparison says little"


@pytest.mark.parametrize("name", SPECS)
def test_gradients_and_buffers_follow_torch(name: str) -> None:
    """One step leaves the same gradient on each parameter, and the same running statistics."""
    spec = SPECS[name]
    torch.manual_seed(1)
    theirs, ours = spec.build(torch), spec.build(dlf)
    copy_weights(theirs.model, ours.model)
    batch = spec.batch(np.random.default_rng(1))
    ours.step(batch)
    theirs.step(batch)

    expected = {key: p.grad for key, p in theirs.model.named_parameters()}
    got = {key: p.grad for key, p in ours.model.named_parameters()}
    expected.update(theirs.model.named_buffers())
    got.update(ours.model.named_buffers())
    assert list(got) == list(expected)
    for key, tensor in expected.items():
        array = tensor.numpy()
        assert got[key].numpy().dtype == array.dtype, key
        # Of 1.6 million ReLUs one or two are so near 0 that rounding decides them.
        error = np.linalg.norm(got[key].numpy() - array)
        assert error <= 2e-3 * np.linalg.norm(array), key
