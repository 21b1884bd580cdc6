"""Models and one training step of each, written once for every library with PyTorch's interface.

Each builder takes the library `T` (dlf or torch) and gives a `Training`, whose `step(batch)` trains
once on NumPy arrays and gives the loss. `SPECS` has the builders, each with what draws a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

Batch = dict[str, np.ndarray]


@dataclass
class Training:
    """A model with its optimizer: `step(batch)` updates the weights and gives the loss tensor."""

    model: Any
    step: Callable[[Batch], Any]


@dataclass(frozen=True)
class Spec:
    """How to build a training and how to draw a batch for it."""

    build: Callable[[ModuleType], Training]
    batch: Callable[[np.random.Generator], Batch]


def _training(T: ModuleType, model: Any, optimizer: Any, loss: Callable[..., Any]) -> Training:
    def step(batch: Batch) -> Any:
        tensors = {name: T.from_numpy(array) for name, array in batch.items()}
        optimizer.zero_grad()
        value = loss(model, **tensors)
        value.backward()
        optimizer.step()
        return value

    return Training(model, step)


def mlp(T: ModuleType) -> Training:
    nn = T.nn
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    criterion = nn.CrossEntropyLoss()
    optimizer = T.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return _training(T, model, optimizer, lambda m, x, y: criterion(m(x), y))


def cnn(T: ModuleType) -> Training:
    nn = T.nn
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 10),
    )
    criterion = nn.CrossEntropyLoss()
    optimizer = T.optim.Adam(model.parameters())
    return _training(T, model, optimizer, lambda m, x, y: criterion(m(x), y))


def resblock(T: ModuleType) -> Training:
    nn = T.nn

    def conv() -> Any:
        return nn.Conv2d(64, 64, 3, padding=1, bias=False)

    model = nn.Sequential(conv(), nn.BatchNorm2d(64), nn.ReLU(), conv(), nn.BatchNorm2d(64))
    optimizer = T.optim.SGD(model.parameters(), lr=0.1)
    return _training(T, model, optimizer, lambda m, x: T.relu(m(x) + x).mean())


VOCABULARY, WIDTH, HEADS, LAYERS, CONTEXT = 65, 64, 4, 2, 32


def _transformer(T: ModuleType) -> Any:
    nn, F = T.nn, T.nn.functional

    class Block(nn.Module):  # type: ignore[name-defined,misc]  # nn is chosen at run time
        """Pre-norm causal self-attention and a GELU feed-forward layer, each with its residual."""

        def __init__(self) -> None:
            super().__init__()
            self.norm1 = nn.LayerNorm(WIDTH)
            self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
            self.out = nn.Linear(WIDTH, WIDTH)
            self.norm2 = nn.LayerNorm(WIDTH)
            self.up = nn.Linear(WIDTH, 4 * WIDTH)
            self.down = nn.Linear(4 * WIDTH, WIDTH)

        def attend(self, x: Any) -> Any:
            batch, length, _ = x.shape
            heads = (
                part.view(batch, length, HEADS, WIDTH // HEADS).transpose(1, 2)
                for part in self.qkv(x).split(WIDTH, 2)
            )
            y = F.scaled_dot_product_attention(*heads, is_causal=True)
            return self.out(y.transpose(1, 2).reshape(batch, length, WIDTH))

        def forward(self, x: Any) -> Any:
            x = x + self.attend(self.norm1(x))
            return x + self.down(F.gelu(self.up(self.norm2(x))))

    class Transformer(nn.Module):  # type: ignore[name-defined,misc]  # nn is chosen at run time
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Embedding(VOCABULARY, WIDTH)
            self.position = nn.Embedding(CONTEXT, WIDTH)
            self.blocks = nn.ModuleList([Block() for _ in range(LAYERS)])
            self.norm = nn.LayerNorm(WIDTH)
            self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)

        def forward(self, tokens: Any) -> Any:
            x = self.token(tokens) + self.position(T.arange(CONTEXT))
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))

    return Transformer()


def gpt(T: ModuleType) -> Training:
    model = _transformer(T)
    optimizer = T.optim.AdamW(model.parameters(), lr=1e-3)

    def loss(m: Any, x: Any, y: Any) -> Any:
        return T.nn.functional.cross_entropy(m(x).view(-1, VOCABULARY), y.view(-1))

    return _training(T, model, optimizer, loss)


def lstm(T: ModuleType) -> Training:
    model = T.nn.LSTM(64, 128, batch_first=True)
    optimizer = T.optim.SGD(model.parameters(), lr=0.1)
    return _training(T, model, optimizer, lambda m, x: m(x)[0].mean())


def _normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


def _tokens(rng: np.random.Generator) -> Batch:
    drawn = rng.integers(0, VOCABULARY, (2, 8, CONTEXT))
    return {"x": drawn[0], "y": drawn[1]}


SPECS = {
    "mlp": Spec(mlp, lambda rng: {"x": _normal(rng, 64, 784), "y": rng.integers(0, 10, 64)}),
    "cnn": Spec(cnn, lambda rng: {"x": _normal(rng, 64, 1, 28, 28), "y": rng.integers(0, 10, 64)}),
    "resblock": Spec(resblock, lambda rng: {"x": _normal(rng, 8, 64, 56, 56)}),
    "gpt": Spec(gpt, _tokens),
    "lstm": Spec(lstm, lambda rng: {"x": _normal(rng, 32, 50, 64)}),
}
