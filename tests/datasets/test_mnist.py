"""MNIST from a folder: every accepted layout, and every damaged file told from the next."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

import dlf
from dlf.errors import DataNotFoundError, UnsafeFileError
from dlf_datasets.idx import read_idx
from dlf_datasets.mnist import mnist

RANDOM = np.random.default_rng(0)


def packed(values: np.ndarray) -> bytes:
    """The IDX file of an array of unsigned bytes."""
    return struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


def fill(folder: Path, suffix: str = "", sign: str = "-", count: int = 12) -> dict[str, np.ndarray]:
    """Write the four files; training has `count` images, the test half of that."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for part, n in (("train", count), ("t10k", count // 2)):
        images = RANDOM.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = RANDOM.integers(0, 10, n, dtype=np.uint8)
        for stem, kind, values in (("images", "idx3", images), ("labels", "idx1", labels)):
            data = packed(values)
            file = folder / f"{part}-{stem}{sign}{kind}-ubyte{suffix}"
            file.write_bytes(gzip.compress(data) if suffix == ".gz" else data)
            made[f"{part}-{stem}"] = values
    return made


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("sign", ["-", "."])
@pytest.mark.parametrize("place", [".", "mnist", "MNIST/raw"])
def test_every_layout(tmp_path: Path, suffix: str, sign: str, place: str) -> None:
    made = fill(tmp_path / place, suffix, sign)
    for part, train in (("train", True), ("t10k", False)):
        data = mnist(tmp_path, train=train)
        images, labels = data.tensors
        np.testing.assert_array_equal(images.numpy()[:, 0] * 255, made[f"{part}-images"])
        np.testing.assert_array_equal(labels.numpy(), made[f"{part}-labels"])
        assert (images.dtype, data.shape, len(data.classes)) == (dlf.float32, (1, 28, 28), 10)
        assert data[0][1] == made[f"{part}-labels"][0]


def test_folder_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path)
    monkeypatch.setenv("DLF_DATA", str(tmp_path))
    assert len(mnist()) == 12


@pytest.mark.parametrize("value", [None, ""])
def test_no_folder(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DLF_DATA", raising=False)
    if value is not None:
        monkeypatch.setenv("DLF_DATA", value)
    with pytest.raises(DataNotFoundError, match="set DLF_DATA"):
        mnist()


def test_missing_file_names_all_four_and_the_folder(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    assert len(mnist(tmp_path)) == 12
    with pytest.raises(DataNotFoundError) as caught:
        mnist(tmp_path, train=False)
    message = str(caught.value)
    assert message.startswith("mnist: no t10k-labels-idx1-ubyte")
    assert str(tmp_path) in message
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        assert f"{name}-ubyte" in message
    assert isinstance(caught.value, FileNotFoundError)


def test_images_and_labels_that_do_not_match(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(packed(np.zeros(11, np.uint8)))
    with pytest.raises(UnsafeFileError, match=r"12 images.*11 labels"):
        mnist(tmp_path)


def test_label_that_is_no_digit(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(packed(np.full(12, 10, np.uint8)))
    with pytest.raises(UnsafeFileError, match="label 10 is not a digit"):
        mnist(tmp_path)


def test_labels_in_the_place_of_images(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(packed(np.zeros(12, np.uint8)))
    with pytest.raises(UnsafeFileError, match="00000801, expected 00000803"):
        mnist(tmp_path)


GOOD = packed(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@pytest.mark.parametrize("squeeze", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "starts with nothing, expected 00000803"),
        (b"<!DOCTYPE html>", "not an IDX file"),
        (b"\0\0\x0d\x03" + GOOD[4:], "starts with 00000d03"),
        (GOOD[:10], "cut short in its header"),
        (GOOD[:-1], "promises 24 bytes .* the file has 23"),
        (GOOD + b"\0", "promises 24 bytes .* the file has more"),
        (GOOD[:4] + b"\xff" * 12, "cannot be right"),
    ],
)
def test_damaged(tmp_path: Path, data: bytes, message: str, squeeze: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(data) if squeeze else data)
    with pytest.raises(UnsafeFileError, match=message) as caught:
        read_idx(path, 3)
    assert str(path) in str(caught.value)


def test_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    whole = gzip.compress(GOOD)
    flipped = bytearray(whole)
    flipped[14] ^= 0xFF
    wrong_sum = bytearray(whole)
    wrong_sum[-6] ^= 0xFF
    for damaged in (whole[:-12], whole[:3], bytes(flipped), b"\x1f\x8b\xff\xff", bytes(wrong_sum)):
        path.write_bytes(damaged)
        with pytest.raises(UnsafeFileError, match=r"file\.gz: "):
            read_idx(path, 3)


def test_name_does_not_decide(tmp_path: Path) -> None:
    path = tmp_path / "really-plain.gz"
    path.write_bytes(GOOD)
    assert read_idx(path, 3).shape == (2, 3, 4)
