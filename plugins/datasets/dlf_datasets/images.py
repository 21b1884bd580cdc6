"""A labelled set of images that is held in memory: what every image dataset here returns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

import dlf
from dlf.utils.data import Dataset

__all__ = ["ImageDataset"]


class ImageDataset(Dataset[tuple[dlf.Tensor, int]]):
    """Grey images with one label each.

    Item `i` is ``(image, label)``: a float32 tensor ``[1, H, W]`` with values from 0 to 1, and an
    ``int``.

    Args:
        images: unsigned integers ``[N, H, W]``.
        labels: class numbers ``[N]``.
        white: the value of `images` that becomes 1.0.
        classes: the classes' names; label `k` means ``classes[k]``.

    Attributes:
        tensors: all of it at once, ``(float32 [N, 1, H, W], int64 [N])``, on the CPU.
        classes: the classes' names.
        shape: an image's shape, ``(1, H, W)``.
    """

    def __init__(
        self,
        images: npt.NDArray[np.uint8],
        labels: npt.NDArray[np.uint8],
        white: int,
        classes: Sequence[str],
    ) -> None:
        pixels = images.astype(np.float32)[:, None]
        pixels /= white
        self._labels = labels.astype(np.int64)
        self.tensors = (dlf.from_numpy(pixels), dlf.from_numpy(self._labels))
        self.classes = tuple(classes)
        self.shape = (1, images.shape[1], images.shape[2])

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[dlf.Tensor, int]:
        return self.tensors[0][index], int(self._labels[index])

    def __repr__(self) -> str:
        return f"ImageDataset({len(self)} images of {self.shape}, {len(self.classes)} classes)"
