"""The optimizer finds a minimum, and goes on after saving and loading."""

import pytest
from dlf_my_thing.optimizer import MyThing

import dlf
from dlf.plugin import get_host


def bowl(point):
    return ((point - dlf.tensor([1.0, -2.0])) ** 2).sum()


def descend(point, optimizer, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        bowl(point).backward()
        optimizer.step()


def test_is_registered():
    assert get_host().optimizers()["my_thing"].load() is MyThing


def test_finds_the_minimum():
    point = dlf.zeros(2, requires_grad=True)
    descend(point, MyThing([point]), 500)
    assert bowl(point).item() < 1e-2


def test_goes_on_after_loading():
    first, second = dlf.zeros(2, requires_grad=True), dlf.zeros(2, requires_grad=True)
    saved, loaded = MyThing([first]), MyThing([second])
    descend(first, saved, 5)
    with dlf.no_grad():
        second.copy_(first)
    loaded.load_state_dict(saved.state_dict())
    descend(first, saved, 5)
    descend(second, loaded, 5)
    assert first.tolist() == second.tolist()


def test_refuses_a_negative_rate():
    with pytest.raises(ValueError, match="lr=-1"):
        MyThing([dlf.zeros(1, requires_grad=True)], lr=-1)
