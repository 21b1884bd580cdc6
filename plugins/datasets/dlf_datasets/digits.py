"""Handwritten digits of the UCI repository: small, real, shipped in the wheel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from dlf_datasets.images import ImageDataset

__all__ = ["digits"]

_FILE = Path(__file__).with_name("data") / "digits.npz"


def digits(root: Path | None = None, train: bool = True) -> ImageDataset:
    """Load the 1,797 8x8 images of *Optical Recognition of Handwritten Digits*.

    Alpaydin and Kaynak (1998), https://doi.org/10.24432/C50P49, CC BY 4.0. The source does not
    split these images, so every fifth image of each digit is held out, in the file's order: 1,442
    to train on and 355 to test with, the ten digits in equal parts. The same people wrote both, so
    that a test accuracy here says nothing of a stranger's handwriting.

    Args:
        root: not used; the images come with the package.
        train: the training images, or the held-out ones.

    Returns:
        A dataset of images ``[1, 8, 8]`` and digits.
    """
    del root
    with np.load(_FILE, allow_pickle=False) as file:
        images, labels = file["images"], file["labels"]
    chosen = _held_out(labels) != train
    return ImageDataset(images[chosen], labels[chosen], 16, "0123456789")


def _held_out(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Mark every fifth occurrence of each label."""
    marked = np.zeros(len(labels), dtype=np.bool_)
    for label in range(10):
        marked[np.flatnonzero(labels == label)[4::5]] = True
    return marked
