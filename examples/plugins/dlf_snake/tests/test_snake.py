"""Values, first and second derivatives by both inputs, and a signal that repeats."""

import math

import pytest
from dlf_snake.layer import Snake
from dlf_snake.ops import snake

import dlf
from dlf import nn
from dlf.autograd import gradcheck, gradgradcheck
from dlf.registry import registry


def test_is_registered():
    assert "snake" in registry


def test_values():
    got = snake(dlf.tensor([0.0, math.pi / 2, math.pi]), dlf.tensor(1.0))
    assert dlf.allclose(got, dlf.tensor([0.0, math.pi / 2 + 1, math.pi]), atol=1e-6)


@pytest.mark.parametrize("shape", [(), (3, 1)])
def test_derivatives(shape):
    dlf.manual_seed(0)
    x = dlf.randn(3, 4, dtype=dlf.float64, requires_grad=True)
    frequency = dlf.rand(shape, dtype=dlf.float64).add_(0.5).requires_grad_()
    assert gradcheck(snake, (x, frequency))
    assert gradgradcheck(snake, (x, frequency))


def test_layer_has_a_frequency_for_each_channel():
    layer = Snake(2, frequency=3.0)
    x = dlf.randn(5, 2, 7)
    assert dlf.allclose(layer(x), x + (3 * x).sin().square() / 3, atol=1e-6)
    assert layer.frequency.shape == (2,)
    assert Snake(4)(dlf.ones(5, 4)).shape == (5, 4)
    with pytest.raises(ValueError, match="must not be 0"):
        Snake(2, frequency=0)


def test_follows_a_signal_beyond_what_it_was_shown():
    dlf.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 32), Snake(32), nn.Linear(32, 1))
    optimizer = dlf.optim.Adam(model.parameters(), lr=0.01)
    x = dlf.linspace(-4, 4, 128).reshape(-1, 1)
    for _ in range(600):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), (2 * x).sin())
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
