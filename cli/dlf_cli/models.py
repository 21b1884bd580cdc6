"""The two models that `dlf train` and `dlf bench` build for images of any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlf import nn

__all__ = ["MODELS", "build", "forward_flops"]

MODELS = ("mlp", "cnn")


def build(name: str, shape: Sequence[int], classes: int) -> nn.Sequential:
    """Build the model `name` for images ``[C, H, W]``: logits for `classes` classes.

    `mlp` has one hidden layer of 256 units; `cnn` two 3x3 convolutions of 32 and 64 channels, each
    followed by a 2x2 maximum.
    """
    from dlf import nn

    channels, height, width = shape
    if name == "mlp":
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * height * width, 256),
            nn.ReLU(),
            nn.Linear(256, classes),
        )
    return nn.Sequential(
        nn.Conv2d(channels, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * (height // 4) * (width // 4), classes),
    )


def forward_flops(name: str, shape: Sequence[int], classes: int) -> list[int]:
    """Floating-point operations for one image, a number for each layer that has weights."""
    channels, height, width = shape
    pixels = height * width
    if name == "mlp":
        return [2 * channels * pixels * 256, 2 * 256 * classes]
    second = (height // 2) * (width // 2)
    last = 64 * (height // 4) * (width // 4)
    return [2 * 9 * channels * 32 * pixels, 2 * 9 * 32 * 64 * second, 2 * last * classes]
