"""What `dlf train` reads is there, and a network can learn it where a line cannot."""

import pytest
from dlf_spirals.dataset import spirals

import dlf
from dlf import nn
from dlf.plugin import get_host


def accuracy(model, steps):
    (x, y), (others, labels) = spirals().tensors, spirals(train=False).tensors
    optimizer = dlf.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return (model(others).argmax(1) == labels).float().mean().item()


def test_is_registered():
    assert get_host().datasets()["spirals"].load() is spirals


@pytest.mark.parametrize(("train", "count"), [(True, 2400), (False, 600)])
def test_examples(train, count):
    data = spirals(train=train)
    points, labels = data.tensors
    assert len(data) == count
    assert points.shape == (count, 1, 1, 2)
    assert points.dtype is dlf.float32
    assert 0 <= points.min().item() < points.max().item() <= 1
    assert [(labels == k).sum().item() for k in range(3)] == [count // 3] * 3
    assert data[1][0].tolist() == points[1].tolist()
    assert data[1][1] == 1


def test_is_the_same_every_time():
    assert dlf.equal(spirals().tensors[0], spirals().tensors[0])
    assert not dlf.equal(spirals().tensors[0][:600], spirals(train=False).tensors[0])


def test_a_network_learns_what_a_line_cannot():
    dlf.manual_seed(0)
    assert accuracy(nn.Sequential(nn.Flatten(), nn.Linear(2, 3)), 300) < 0.7
    hidden = [nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 3)]
    assert accuracy(nn.Sequential(nn.Flatten(), *hidden), 300) > 0.95
