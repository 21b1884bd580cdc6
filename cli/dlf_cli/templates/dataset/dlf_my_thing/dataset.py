"""The dataset: images with one label each."""

import numpy as np

import dlf
from dlf.utils.data import Dataset


class MyThing(Dataset):
    # Write here: the classes' names, and an image's shape.
    classes = ("dark", "bright")
    shape = (1, 8, 8)

    def __init__(self, images, labels):
        self.tensors = dlf.from_numpy(images), dlf.from_numpy(labels)

    def __len__(self):
        return len(self.tensors[1])

    def __getitem__(self, index):
        images, labels = self.tensors
        return images[index], int(labels[index])


def my_thing(root=None, train=True):
    """The images to train on, or those to test with; `root` is the folder of the files, if any."""
    # Write here: read the files. Images are float32 [N, C, H, W] from 0 to 1, labels int64 [N].
    rng = np.random.default_rng(0 if train else 1)
    labels = rng.integers(0, 2, 1000 if train else 200)
    noise = rng.uniform(0, 0.5, (len(labels), *MyThing.shape))
    images = noise + labels[:, None, None, None] / 2
    return MyThing(images.astype(np.float32), labels)
