"""MNIST, read from the four standard files in a folder of the user's."""

from __future__ import annotations

import os
from pathlib import Path

from dlf.errors import DataNotFoundError, UnsafeFileError
from dlf_datasets.idx import read_idx
from dlf_datasets.images import ImageDataset

__all__ = ["mnist"]

_STEMS = ("train-images", "train-labels", "t10k-images", "t10k-labels")
_FOLDERS = (".", "mnist", "MNIST/raw")


def mnist(root: Path | None = None, train: bool = True) -> ImageDataset:
    """Load MNIST (LeCun, Cortes and Burges): 60,000 images to train on, 10,000 to test with, 28x28.

    The files ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte``
    and ``t10k-labels-idx1-ubyte``, with or without ``.gz``, are looked for in the folder itself, in
    its ``mnist`` and in its ``MNIST/raw``. Sets in the same format (Fashion-MNIST) load too.

    Args:
        root: the folder; default the environment variable ``DLF_DATA``.
        train: the training images, or the test images.

    Returns:
        A dataset of images ``[1, 28, 28]`` and digits.

    Raises:
        DataNotFoundError: a file is not there; the message says which four go where.
        UnsafeFileError: a file is cut short, of another format, or does not match its partner.
    """
    folder = root if root is not None else os.environ.get("DLF_DATA") or None
    if folder is None:
        raise DataNotFoundError(
            f"mnist: no folder given; {_advice('a folder')} and set DLF_DATA to it"
        )
    part = "train" if train else "t10k"
    image_file = _find(Path(folder), f"{part}-images")
    label_file = _find(Path(folder), f"{part}-labels")
    images, labels = read_idx(image_file, 3), read_idx(label_file, 1)
    if len(images) != len(labels):
        raise UnsafeFileError(
            f"{image_file} holds {len(images):,} images, {label_file} {len(labels):,} labels"
        )
    if labels.size and labels.max() > 9:
        raise UnsafeFileError(f"{label_file}: label {labels.max()} is not a digit")
    return ImageDataset(images, labels, 255, "0123456789")


def _names(stem: str) -> tuple[str, ...]:
    """The names a file goes by: the standard one, the one with a dot, either of them compressed."""
    kind = "idx3-ubyte" if stem.endswith("images") else "idx1-ubyte"
    return tuple(f"{stem}{sign}{kind}{end}" for sign in "-." for end in ("", ".gz"))


def _find(folder: Path, stem: str) -> Path:
    for place in _FOLDERS:
        for name in _names(stem):
            path = folder / place / name
            if path.is_file():
                return path
    raise DataNotFoundError(f"mnist: no {_names(stem)[0]}[.gz] in {folder}; {_advice(str(folder))}")


def _advice(folder: str) -> str:
    files = [f"{_names(stem)[0]}[.gz]" for stem in _STEMS]
    return f"put {', '.join(files[:3])} and {files[3]} into {folder}"
