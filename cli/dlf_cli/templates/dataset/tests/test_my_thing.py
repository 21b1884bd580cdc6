"""The dataset has what `dlf train` reads."""

import pytest
from dlf_my_thing.dataset import my_thing

import dlf
from dlf.plugin import get_host
from dlf.utils.data import DataLoader


def test_is_registered():
    assert get_host().datasets()["my_thing"].load() is my_thing


@pytest.mark.parametrize("train", [True, False])
def test_examples(train):
    data = my_thing(train=train)
    images, labels = data.tensors
    assert images.dtype is dlf.float32
    assert labels.dtype is dlf.int64
    assert images.shape == (len(data), *data.shape)
    assert 0 <= images.min().item() <= images.max().item() <= 1
    assert set(labels.tolist()) == set(range(len(data.classes)))
    image, label = data[len(data) - 1]
    assert image.tolist() == images[-1].tolist()
    assert label == labels[-1].item()


def test_loads_in_batches():
    images, labels = next(iter(DataLoader(my_thing(), batch_size=16, shuffle=True)))
    assert (len(images), len(labels)) == (16, 16)
