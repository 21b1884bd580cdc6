"""The dataset `golden`: horizontal and vertical stripes."""

import numpy as np

import dlf
from dlf.plugin import DatasetSpec, hookimpl
from dlf.utils.data import Dataset


@hookimpl
def dlf_datasets():
    return {"golden": DatasetSpec("golden_dataset:stripes", "stripes of two kinds", "CC0-1.0")}


class Stripes(Dataset):
    classes = ("horizontal", "vertical")
    shape = (1, 8, 8)

    def __init__(self, count, seed):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 2, count)
        lying = np.repeat(np.arange(8)[:, None] % 2, 8, axis=1)
        images = np.where(labels[:, None, None] == 0, lying, lying.T) / 2
        images = (images + rng.uniform(0, 0.5, images.shape)).astype(np.float32)
        self.tensors = dlf.from_numpy(images[:, None]), dlf.from_numpy(labels)

    def __len__(self):
        return len(self.tensors[1])

    def __getitem__(self, index):
        images, labels = self.tensors
        return images[index], int(labels[index])


def stripes(root=None, train=True):
    return Stripes(400, 0) if train else Stripes(100, 1)
