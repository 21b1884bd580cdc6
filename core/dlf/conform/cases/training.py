"""Training on the device follows training on the reference device in float64."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ..case import Case
from ..reference import reference
from ..subject import Array, Subject
from .models import MODELS, Model, batch, fresh, loss_of

__all__ = ["cases"]

STEPS = 5
# Relative, and absolute for losses below 1.
LIMITS = {"float32": 1e-4, "float64": 1e-9}


def cases(subject: Subject) -> Iterator[Case]:
    """Every model with two optimizers in each dtype; and a model left in evaluation mode."""
    for name, model in MODELS.items():
        for optimizer in ("sgd", "adamw"):
            for dtype in LIMITS:
                run = partial(_train, model=model, optimizer=optimizer, dtype=dtype)
                yield Case(f"training/{name}/{optimizer}/{dtype}", run, "system", dtype=dtype)
    yield Case("training/evaluation", _evaluate, "system", dtype="float32")
    yield Case("training/gradients add up", _accumulate, "system", dtype="float32")


def _optimizer(kind: str, module: Any) -> Any:
    from ...optim import SGD, AdamW

    if kind == "sgd":
        return SGD(module.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
    return AdamW(module.parameters(), lr=0.01, weight_decay=0.05)


def _train(subject: Subject, model: Model, optimizer: str, dtype: str) -> None:
    subject.need("int64", "bool")
    module = fresh(model, subject.rng)
    state = {key: value.numpy().copy() for key, value in module.state_dict().items()}
    batches = [batch(model, subject.rng) for _ in range(STEPS)]
    got = _losses(subject, module, optimizer, dtype, batches)
    other = model.build()
    _restore(other, state)
    expected = _losses(None, other, optimizer, "float64", batches)
    limit = LIMITS[dtype] * np.maximum(np.abs(expected), 1)
    assert np.all(np.abs(got - expected) <= limit), (
        f"the losses of {STEPS} steps are {got.tolist()}, expected {expected.tolist()}"
    )


def _losses(
    subject: Subject | None,
    module: Any,
    optimizer: str,
    dtype: str,
    batches: list[tuple[Array, Array]],
) -> Array:
    """The loss before every step."""
    module = module.to(reference() if subject is None else subject.device)
    if dtype == "float64":
        module = module.double()
    stepper = _optimizer(optimizer, module)
    found = []
    for examples, labels in batches:
        stepper.zero_grad()
        loss = loss_of(subject, module, (examples.astype(dtype), labels))
        loss.backward()
        stepper.step()
        found.append(loss.item())
    return np.array(found)


def _restore(module: Any, state: dict[str, Array]) -> None:
    from ... import from_numpy

    module.load_state_dict({key: from_numpy(value.copy()) for key, value in state.items()})


def _evaluate(subject: Subject) -> None:
    """Evaluation mode uses the running statistics and changes nothing."""
    from ... import no_grad

    subject.need("int64", "bool")
    model = MODELS["cnn"]
    module = fresh(model, subject.rng).to(subject.device)
    examples, _ = batch(model, subject.rng)
    module(subject.tensor(examples))
    module.eval()
    with no_grad():
        before = {key: value.cpu().numpy().copy() for key, value in module.state_dict().items()}
        first = module(subject.tensor(examples)).cpu().numpy()
        alone = module(subject.tensor(examples[:1])).cpu().numpy()
    np.testing.assert_allclose(alone, first[:1], rtol=1e-4, atol=1e-5)
    for key, value in module.state_dict().items():
        np.testing.assert_array_equal(value.cpu().numpy(), before[key], err_msg=key)


def _accumulate(subject: Subject) -> None:
    """Two backward passes give the sum of their gradients."""
    subject.need("int64", "bool")
    model = MODELS["mlp"]
    module = fresh(model, subject.rng).to(subject.device)
    data = batch(model, subject.rng)
    loss_of(subject, module, data).backward()
    once = [p.grad.cpu().numpy().copy() for p in module.parameters()]
    loss_of(subject, module, data).backward()
    for parameter, grad in zip(module.parameters(), once, strict=True):
        twice = parameter.grad.cpu().numpy()
        np.testing.assert_allclose(twice, 2 * grad, rtol=1e-5, atol=1e-6)
