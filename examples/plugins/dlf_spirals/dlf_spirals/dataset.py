"""Points in the plane on arms that wind around one another: easy to see, and not linear at all."""

import math

import numpy as np

import dlf
from dlf.utils.data import Dataset


class Spirals(Dataset):
    """`count` points on three arms.

    A point is an image of two pixels, its coordinates from 0 to 1, so that whatever trains on
    images trains on it. `tensors` is ``(float32 [N, 1, 1, 2], int64 [N])``.
    """

    classes = ("first arm", "second arm", "third arm")
    shape = (1, 1, 2)

    def __init__(self, count, seed, noise=0.02):
        rng = np.random.default_rng(seed)
        labels = np.arange(count) % len(self.classes)
        along = np.sqrt(rng.uniform(0.01, 1, count))
        angle = 2 * math.pi * (labels / len(self.classes) + along)
        points = along[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1) / 2.2 + 0.5
        points = np.clip(points + rng.normal(0, noise / 2, points.shape), 0, 1)
        self.tensors = (
            dlf.from_numpy(points.astype(np.float32)[:, None, None]),
            dlf.from_numpy(labels.astype(np.int64)),
        )

    def __len__(self):
        return len(self.tensors[1])

    def __getitem__(self, index):
        points, labels = self.tensors
        return points[index], int(labels[index])


def spirals(root=None, train=True):
    """2,400 points to train on, or 600 others to test with; `root` is not used, nothing is read."""
    return Spirals(2400, seed=0) if train else Spirals(600, seed=1)
