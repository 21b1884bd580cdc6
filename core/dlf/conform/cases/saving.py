"""What is on the device is saved to a file, and loaded there, on the host, and back."""

from __future__ import annotations

import copy
import io
import os
import tempfile
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ...dtypes import dtype_named
from ..case import Case
from ..close import assert_same
from ..subject import Array, Subject
from .models import MODELS, batch, fresh, loss_of

__all__ = ["cases"]


def cases(subject: Subject) -> Iterator[Case]:
    """A case for each dtype, and for modules, optimizers and deep copies."""
    for dtype in sorted(subject.backend.caps.dtypes):
        run = partial(_dtype, dtype=dtype)
        yield Case(f"saving/{dtype}", run, "system", dtype=dtype)
    for single in (_module, _optimizer, _deepcopy):
        yield Case(f"saving/{single.__name__.strip('_')}", single, "system", dtype="float32")


def _values(subject: Subject, dtype: str) -> Array:
    kind = dtype_named(dtype)
    drawn = subject.rng.integers(0, 100, (3, 5)) - (20 if kind.is_signed else 0)
    made = drawn % 2 if dtype == "bool" else drawn
    if kind.is_complex:
        made = made + 1j * drawn[::-1]
    return np.asarray((made / 4 if kind.is_floating_point else made).astype(kind.numpy))


def _saved(obj: Any, map_location: Any = None) -> Any:
    """`obj` after a way through a file."""
    from ... import load, save

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "saved")
        save(obj, path)
        return load(path, map_location)


def _dtype(subject: Subject, dtype: str) -> None:
    from ... import load, save

    device = subject.device
    host = _values(subject, dtype)
    tensor = subject.tensor(host)
    for where, expected in ((None, device), ("cpu", "cpu"), (device, device)):
        got = _saved({"x": tensor, "empty": tensor[:0]}, where)
        assert str(got["x"].device) == str(expected), (
            f"map_location={where}: on {got['x'].device}, expected {expected}"
        )
        assert got["x"].dtype is tensor.dtype, f"loaded {got['x'].dtype}, saved {tensor.dtype}"
        assert_same(got["x"].cpu().numpy(), host, f"loaded with map_location={where}")
        assert tuple(got["empty"].shape) == (0, 5)
    file = io.BytesIO()
    save(tensor.cpu(), file)
    file.seek(0)
    assert_same(load(file, {"cpu": str(device)}).cpu().numpy(), host, "loaded from the host")


def _module(subject: Subject) -> None:
    """A state_dict fits a fresh module, which then computes the same."""
    subject.need("int64", "bool")
    model = MODELS["cnn"]
    module = fresh(model, subject.rng).to(subject.device)
    data = batch(model, subject.rng)
    loss_of(subject, module, data)  # The running statistics are no longer those of the start.
    module.eval()
    expected = loss_of(subject, module, data).item()
    for where in (None, "cpu"):
        other = fresh(model, subject.rng).to(subject.device)
        other.load_state_dict(_saved(module.state_dict(), where))
        devices = {str(p.device) for p in other.parameters()}
        assert devices == {str(subject.device)}, f"loaded parameters are on {sorted(devices)}"
        other.eval()
        assert loss_of(subject, other, data).item() == expected
    home = module.cpu()
    state = {key: value.numpy() for key, value in home.state_dict().items()}
    for key, value in other.state_dict().items():
        assert_same(value.cpu().numpy(), state[key], key)


def _optimizer(subject: Subject) -> None:
    """Training goes on from a saved module and optimizer as if nothing had been."""
    from ...optim import AdamW

    subject.need("int64", "bool")
    model = MODELS["mlp"]
    data = batch(model, subject.rng)
    module = fresh(model, subject.rng).to(subject.device)
    optimizer = AdamW(module.parameters(), lr=0.05)

    def step(module: Any, optimizer: Any) -> float:
        optimizer.zero_grad()
        loss = loss_of(subject, module, data)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    step(module, optimizer)
    saved = _saved({"module": module.state_dict(), "optimizer": optimizer.state_dict()})
    expected = [step(module, optimizer) for _ in range(3)]
    other = fresh(model, subject.rng).to(subject.device)
    second = AdamW(other.parameters(), lr=0.05)
    other.load_state_dict(saved["module"])
    second.load_state_dict(saved["optimizer"])
    got = [step(other, second) for _ in range(3)]
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def _deepcopy(subject: Subject) -> None:
    """A deep copy has memory of its own on the same device."""
    from ... import no_grad

    module = fresh(MODELS["mlp"], subject.rng).to(subject.device)
    twin = copy.deepcopy(module)
    before = [p.detach().cpu().numpy().copy() for p in module.parameters()]
    with no_grad():
        for parameter in twin.parameters():
            assert parameter.device is subject.device
            parameter.add_(1)
    for parameter, host in zip(module.parameters(), before, strict=True):
        assert_same(parameter.detach().cpu().numpy(), host, "the original")
