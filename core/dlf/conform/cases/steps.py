"""Optimizers on the device: several steps from the same start as on the reference device."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ..case import Case, Skipped
from ..reference import reference_tensor
from ..subject import Array, Subject
from .models import MODELS, batch, fresh, loss_of

__all__ = ["cases"]

SHAPES = ((3, 4), (5,), (2, 1, 3))
STEPS = 4
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "SGD": [{"lr": 0.1}, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}],
    "Adam": [{"lr": 0.05}, {"lr": 0.05, "amsgrad": True, "weight_decay": 0.1}],
    "AdamW": [{"lr": 0.05, "weight_decay": 0.1}, {"lr": 0.05, "maximize": True}],
    "RMSprop": [{"lr": 0.02}, {"lr": 0.02, "centered": True, "momentum": 0.9}],
    "Adagrad": [{"lr": 0.1, "lr_decay": 0.1}],
}


def cases(subject: Subject) -> Iterator[Case]:
    """Every optimizer with its defaults and with more settings; and memory while training."""
    for name, settings in SETTINGS.items():
        for number, keywords in enumerate(settings):
            run = partial(_steps, name=name, keywords=keywords)
            yield Case(f"steps/{name}/{number}", run, "system", dtype="float32")
    yield Case("steps/memory does not grow", _no_growth, "system", dtype="float32")
    yield Case("steps/tensors are released", _released, "system", dtype="float32")


def _steps(subject: Subject, name: str, keywords: dict[str, Any]) -> None:
    from ... import optim

    starts = [subject.rng.uniform(-1, 1, shape).astype(np.float32) for shape in SHAPES]
    grads = [
        [subject.rng.uniform(-1, 1, shape).astype(np.float32) for shape in SHAPES]
        for _ in range(STEPS)
    ]

    def walk(put: Any, dtype: str) -> list[Array]:
        params = [put(start.astype(dtype), True) for start in starts]
        optimizer = getattr(optim, name)(params, **keywords)
        for row in grads:
            for param, grad in zip(params, row, strict=True):
                param.grad = put(grad.astype(dtype))
            optimizer.step()
        return [param.detach().cpu().numpy() for param in params]

    for got, expected in zip(
        walk(subject.tensor, "float32"), walk(reference_tensor, "float64"), strict=True
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def _train(subject: Subject, steps: int) -> Iterator[None]:
    from ...optim import AdamW

    model = MODELS["mlp"]
    module = fresh(model, subject.rng).to(subject.device)
    optimizer = AdamW(module.parameters(), lr=0.01)
    data = batch(model, subject.rng)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(subject, module, data).backward()
        optimizer.step()
        yield


def _no_growth(subject: Subject) -> None:
    """The memory that the device counts is the same after the 3rd and after the 20th step."""
    memory = subject.backend.services.get("memory")
    if memory is None:
        raise Skipped("the backend has no memory service")
    subject.need("int64", "bool")
    after = []
    for _ in _train(subject, 20):
        gc.collect()
        after.append(int(memory.memory_allocated(subject.index)))
    assert after[-1] <= after[2], f"memory after each step: {after}"


def _released(subject: Subject) -> None:
    """What a training step made is gone when the next one begins."""
    from ...tensor import Tensor

    subject.need("int64", "bool")

    def alive() -> int:
        gc.collect()
        kind = subject.device
        return sum(
            1 for o in gc.get_objects() if type(o) is Tensor and getattr(o, "device", 0) is kind
        )

    counts = [alive() for _ in _train(subject, 6)]
    assert counts[-1] <= counts[2], f"tensors alive after each step: {counts}"
