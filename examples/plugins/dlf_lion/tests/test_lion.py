"""Lion against its formula, and on a problem that has a minimum."""

import numpy as np
import pytest
from dlf_lion.optimizer import Lion

import dlf
from dlf.plugin import get_host


def test_is_registered():
    assert get_host().optimizers()["lion"].load() is Lion


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_follows_the_formula(decay):
    rng = np.random.default_rng(0)
    value, mean = rng.normal(size=5), np.zeros(5)
    p = dlf.tensor(value, requires_grad=True)
    optimizer = Lion([p], lr=0.1, betas=(0.8, 0.95), weight_decay=decay)
    for _ in range(6):
        g = rng.normal(size=5)
        p.grad = dlf.tensor(g)
        optimizer.step()
        value = value - 0.1 * (np.sign(0.8 * mean + 0.2 * g) + decay * value)
        mean = 0.95 * mean + 0.05 * g
        assert np.allclose(p.detach().numpy(), value, rtol=1e-12)


def test_skips_what_has_no_gradient():
    used, unused = dlf.ones(1, requires_grad=True), dlf.ones(1, requires_grad=True)
    optimizer = Lion([used, unused], lr=0.5)
    used.sum().backward()
    optimizer.step()
    assert (used.item(), unused.item()) == (0.5, 1.0)


def test_learns():
    dlf.manual_seed(0)
    model = dlf.nn.Linear(3, 1)
    x = dlf.randn(64, 3)
    y = x @ dlf.tensor([[1.0], [-2.0], [0.5]]) + 3
    optimizer = Lion(model.parameters(), lr=0.02)
    for _ in range(400):
        optimizer.zero_grad()
        loss = dlf.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-2


def test_goes_on_after_loading():
    first, second = dlf.ones(2, requires_grad=True), dlf.ones(2, requires_grad=True)
    saved, loaded = Lion([first], lr=0.1), Lion([second])
    for _ in range(5):
        first.grad = dlf.tensor([1.0, -1.0])
        saved.step()
    loaded.load_state_dict(saved.state_dict())
    with dlf.no_grad():
        second.copy_(first)
    for p, optimizer in ((first, saved), (second, loaded)):
        # Too small to turn the mean around: only one that was loaded goes on in its direction.
        p.grad = dlf.tensor([-0.1, 0.1])
        optimizer.step()
    assert second.tolist() == first.tolist()
    assert first[0].item() < 0.45


@pytest.mark.parametrize("wrong", [{"lr": -1}, {"weight_decay": -1}, {"betas": (0.9, 1.0)}])
def test_refuses_wrong_options(wrong):
    with pytest.raises(ValueError, match="Lion: "):
        Lion([dlf.ones(1, requires_grad=True)], **wrong)
