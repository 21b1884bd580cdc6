"""Small models of the usual kinds, for training on a device and on the reference side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...tensor import Tensor
from ..reference import reference_tensor
from ..subject import Array, Subject

__all__ = ["MODELS", "Model", "batch", "fresh", "loss_of"]


@dataclass(frozen=True)
class Model:
    """How to make a model, and the shapes of what it is given.

    Attributes:
        build: gives the module; its result is ``(batch, classes)``.
        shape: one example's.
        classes: the number of classes.
    """

    build: Callable[[], Any]
    shape: tuple[int, ...]
    classes: int = 5


def _mlp() -> Any:
    from ... import nn

    return nn.Sequential(
        nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 5)
    )


def _cnn() -> Any:
    from ... import nn

    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, stride=2, padding=1),
        nn.GELU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 5),
    )


def _transformer() -> Any:
    from ... import nn

    return nn.Sequential(
        nn.TransformerEncoderLayer(
            8, 2, dim_feedforward=16, dropout=0.0, activation="gelu", batch_first=True
        ),
        nn.LayerNorm(8),
        nn.Flatten(),
        nn.Linear(32, 5),
    )


def _lstm() -> Any:
    from ... import nn

    class Last(nn.Module):
        """The recurrent layer's last output through a linear one."""

        def __init__(self) -> None:
            super().__init__()
            self.recurrent = nn.LSTM(3, 6, batch_first=True)
            self.head = nn.Linear(6, 5)

        def forward(self, x: Tensor) -> Any:
            return self.head(self.recurrent(x)[0][:, -1])

    return Last()


MODELS = {
    "mlp": Model(_mlp, (6,)),
    "cnn": Model(_cnn, (2, 8, 8)),
    "transformer": Model(_transformer, (4, 8)),
    "lstm": Model(_lstm, (5, 3)),
}


def fresh(model: Model, rng: np.random.Generator) -> Any:
    """A new module on the CPU, its parameters drawn from `rng`, the global generator untouched."""
    from ... import from_numpy, no_grad
    from ...random import fork_rng

    with fork_rng(), no_grad():
        module = model.build()
        for parameter in module.parameters():
            drawn = rng.uniform(-0.4, 0.4, tuple(parameter.shape)).astype(np.float32)
            parameter.copy_(from_numpy(drawn))
    return module


def batch(model: Model, rng: np.random.Generator, size: int = 8) -> tuple[Array, Array]:
    """Examples in float32 and their labels."""
    examples = rng.uniform(-1, 1, (size, *model.shape)).astype(np.float32)
    return examples, rng.integers(0, model.classes, size)


def loss_of(subject: Subject | None, module: Any, data: tuple[Array, Array]) -> Tensor:
    """The cross entropy of `module` on the subject's device, or on the reference for None."""
    from ...nn import functional as F

    examples, labels = data
    put = reference_tensor if subject is None else subject.tensor
    loss: Tensor = F.cross_entropy(module(put(examples)), put(labels))
    return loss
