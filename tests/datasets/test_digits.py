"""The shipped digits: real, whole, split the same way everywhere."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

import dlf
from dlf_datasets.digits import digits


def test_holds_every_image_once() -> None:
    train, test = digits(train=True), digits(train=False)
    assert (len(train), len(test)) == (1442, 355)
    images = np.concatenate([train.tensors[0].numpy(), test.tensors[0].numpy()])
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == 1797


def test_is_what_scikit_learn_packages() -> None:
    reference = pytest.importorskip("sklearn.datasets").load_digits()
    test = digits(train=False)
    threes = reference.images[reference.target == 3] / 16
    mine = test.tensors[0].numpy()[test.tensors[1].numpy() == 3]
    np.testing.assert_array_equal(mine[:, 0], threes[4::5].astype(np.float32))


def test_content_does_not_change() -> None:
    images = (digits(train=False).tensors[0].numpy() * 16).astype(np.uint8)
    assert zlib.crc32(images.tobytes()) == 0x18AC68C


@pytest.mark.parametrize("train", [True, False])
def test_classes_are_balanced(train: bool) -> None:
    counts = np.bincount(digits(train=train).tensors[1].numpy(), minlength=10)
    assert counts.max() - counts.min() <= 9


def test_items_and_tensors_agree() -> None:
    data = digits()
    image, label = data[7]
    assert (image.dtype, tuple(image.shape), type(label)) == (dlf.float32, (1, 8, 8), int)
    assert (data.tensors[0].dtype, data.tensors[1].dtype) == (dlf.float32, dlf.int64)
    np.testing.assert_array_equal(image.numpy(), data.tensors[0][7].numpy())
    assert label == data.tensors[1][7].item()
    assert data.shape == (1, 8, 8)
    assert data.classes == tuple("0123456789")
    assert data.tensors[0].min().item() == 0 and data.tensors[0].max().item() == 1
    assert "1442 images" in repr(data)


def test_wrong_index() -> None:
    with pytest.raises(IndexError):
        digits()[1442]


def test_loads_in_batches() -> None:
    from dlf.utils.data import DataLoader

    images, labels = next(iter(DataLoader(digits(), batch_size=32)))
    assert (tuple(images.shape), tuple(labels.shape)) == ((32, 1, 8, 8), (32,))
    assert labels.dtype is dlf.int64


def test_registered_through_the_plugin_door() -> None:
    from dlf.plugin.host import get_host

    found = get_host().datasets()
    assert {"digits", "mnist"} <= set(found)
    assert found["digits"].load() is digits
    assert "CC BY 4.0" in found["digits"].spec.licence


def test_licence_note_is_shipped() -> None:
    from importlib.resources import files

    note = files("dlf_datasets").joinpath("data", "LICENSE-digits.md").read_text()
    for part in ("Alpaydin", "Kaynak", "10.24432/C50P49", "CC BY 4.0"):
        assert part in note
