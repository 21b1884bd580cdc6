"""GradScaler, beside PyTorch's."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
import torch

import dlf

OPTIONS: list[dict[str, Any]] = [
    {},
    {"init_scale": 1000.0, "growth_factor": 1.1, "backoff_factor": 0.3, "growth_interval": 2},
    {"init_scale": 2.0**126, "growth_factor": 4.0, "growth_interval": 1},
    {"init_scale": 3.0, "backoff_factor": 0.7, "growth_interval": 3},
    {"enabled": False},
]
# What the gradients hold in each iteration; numbers are finite ones.
SEQUENCES = {
    "finite": [1.0] * 7,
    "inf": [1.0, math.inf, 2.0, -math.inf, 1.0, 1.0, 1.0],
    "nan": [math.nan, math.nan, 1.0, 1.0, 1.0, 1.0],
    "none of it": [0.0, 1e-30, math.inf],
}
OPTIMIZERS = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"]


def run(T: Any, options: dict[str, Any], values: list[float], optimizer: str, dtype: str) -> Any:
    scaler = T.amp.GradScaler("cpu", **options)
    kind = getattr(T, dtype)
    parameters = [
        T.ones(3, dtype=kind).requires_grad_(),
        T.ones((2, 2), dtype=kind).requires_grad_(),
    ]
    opt = getattr(T.optim, optimizer)(parameters, lr=0.125)
    seen: list[Any] = []
    for value in values:
        opt.zero_grad()
        loss = sum((p.float() * value).sum() for p in parameters)
        scaler.scale(loss).backward()
        if value == 2.0:
            scaler.unscale_(opt)
        scaler.step(opt)
        scaler.update()
        numbers = [p.detach().float().numpy().copy() for p in parameters]
        grads = [p.grad.float().numpy().copy() for p in parameters]
        seen.append((scaler.get_scale(), scaler.state_dict(), numbers, grads))
    return seen


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("sequence", SEQUENCES)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_as_pytorch(options: dict[str, Any], sequence: str, optimizer: str) -> None:
    values = SEQUENCES[sequence]
    ours, theirs = (run(T, options, values, optimizer, "float32") for T in (dlf, torch))
    for mine, its in zip(ours, theirs, strict=True):
        assert mine[:2] == its[:2]
        for a, b in zip(mine[2] + mine[3], its[2] + its[3], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
def test_gradients_in_other_dtypes(dtype: str) -> None:
    options = {"init_scale": 1000.0, "growth_interval": 2}
    ours, theirs = (run(T, options, [1.0, 0.3, math.inf, 1.0], "SGD", dtype) for T in (dlf, torch))
    for mine, its in zip(ours, theirs, strict=True):
        assert mine[:2] == its[:2]
        for a, b in zip(mine[2] + mine[3], its[2] + its[3], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)


def ready(**options: Any) -> tuple[Any, Any, Any]:
    w = dlf.ones(2, requires_grad=True)
    optimizer = dlf.optim.SGD([w], lr=1.0)
    scaler = dlf.amp.GradScaler("cpu", **options)
    scaler.scale(w.sum()).backward()
    return scaler, optimizer, w


def test_unscaled_gradients_can_be_clipped() -> None:
    scaler, optimizer, w = ready()
    scaler.unscale_(optimizer)
    assert w.grad.tolist() == [1.0, 1.0]
    dlf.nn.utils.clip_grad_norm_([w], 0.5)
    scaler.step(optimizer)
    scaler.update()
    np.testing.assert_allclose(w.detach().numpy(), 1 - 0.5 / math.sqrt(2), rtol=1e-5)


def test_several_optimizers() -> None:
    a, b = (dlf.ones(2, requires_grad=True) for _ in range(2))
    first, second = dlf.optim.SGD([a], lr=1.0), dlf.optim.SGD([b], lr=1.0)
    scaler = dlf.amp.GradScaler("cpu")
    for loss in scaler.scale([a.sum(), (b * math.inf).sum()]):
        loss.backward()
    scaler.step(first)
    scaler.step(second)
    scaler.update()
    assert a.tolist() == [0.0, 0.0]
    assert b.tolist() == [1.0, 1.0], "the step with inf is left out"
    assert scaler.get_scale() == 2.0**15


def test_what_is_scaled() -> None:
    scaler = dlf.amp.GradScaler("cpu", init_scale=4.0)
    one = dlf.ones(())
    assert scaler.scale((one, [one, one])) == (4.0, [4.0, 4.0])
    assert [x.item() for x in scaler.scale(iter([one, one]))] == [4.0, 4.0]
    half = scaler.scale(dlf.ones((), dtype=dlf.float16))
    assert half.dtype is dlf.float32, "a float16 loss does not overflow"
    assert scaler.scale(dlf.ones(2, dtype=dlf.float16)).dtype is dlf.float16
    with pytest.raises(ValueError, match="must be a Tensor or an iterable"):
        scaler.scale(3)
    off = dlf.amp.GradScaler("cpu", enabled=False)
    assert off.scale(one) is one
    assert off.get_scale() == 1.0
    assert off.state_dict() == {}
    off.load_state_dict({})


def test_the_order_of_calls() -> None:
    scaler, optimizer, _ = ready()
    fresh = dlf.amp.GradScaler("cpu")
    for call in (lambda: fresh.step(optimizer), lambda: fresh.unscale_(optimizer), fresh.update):
        with pytest.raises(AssertionError, match="_scale is None"):
            call()
    with pytest.raises(AssertionError, match="No inf checks were recorded prior to update"):
        scaler.update()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="after step"):
        scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="Closure"):
        scaler.step(optimizer, closure=lambda: None)
    scaler.update()
    optimizer.zero_grad()
    with pytest.raises(AssertionError, match="No inf checks"):
        scaler.step(optimizer)


def test_float16_parameters_are_refused() -> None:
    w = dlf.ones(2, dtype=dlf.float16).requires_grad_()
    scaler = dlf.amp.GradScaler("cpu", init_scale=8.0)
    scaler.scale(w.sum()).backward()
    with pytest.raises(ValueError, match="FP16"):
        scaler.step(dlf.optim.SGD([w], lr=1.0))


def test_a_scale_of_ones_own() -> None:
    scaler, optimizer, _ = ready()
    scaler.step(optimizer)
    scaler.update(123.25)
    assert scaler.get_scale() == 123.25
    scaler.update(dlf.tensor(7.5))
    assert scaler.get_scale() == 7.5
    for wrong in (dlf.ones(2), dlf.ones(1, requires_grad=True), dlf.ones(1, device="sim")):
        with pytest.raises(AssertionError, match="one element"):
            scaler.update(wrong)
    for wrong in ({"growth_factor": 1.0}, {"backoff_factor": 1.0}):
        with pytest.raises(AssertionError, match="factor must be"):
            dlf.amp.GradScaler("cpu", **wrong)
    scaler.set_growth_factor(3.0)
    scaler.set_backoff_factor(0.1)
    scaler.set_growth_interval(5)
    found = (
        scaler.get_growth_factor(),
        scaler.get_backoff_factor(),
        scaler.get_growth_interval(),
    )
    assert found == (3.0, 0.1, 5)


def test_states_are_those_of_pytorch() -> None:
    scaler, optimizer, _ = ready(growth_interval=3)
    scaler.step(optimizer)
    with pytest.raises(AssertionError, match="pickled"):
        pickle.dumps(scaler)
    scaler.update()
    theirs = torch.amp.GradScaler("cpu")
    theirs.load_state_dict(scaler.state_dict())
    assert theirs.state_dict() == scaler.state_dict()
    other = dlf.amp.GradScaler("cpu")
    other.load_state_dict(theirs.state_dict())
    assert other.state_dict() == scaler.state_dict()
    assert pickle.loads(pickle.dumps(scaler)).state_dict() == scaler.state_dict()
    with pytest.raises(RuntimeError, match="empty"):
        other.load_state_dict({})


def test_on_a_device_that_runs_late() -> None:
    w = dlf.ones(2, requires_grad=True, device="sim:1")
    optimizer = dlf.optim.SGD([w], lr=1.0)
    scaler = dlf.amp.GradScaler("sim")
    for value, expected in ((math.nan, [1.0, 1.0]), (0.5, [0.5, 0.5])):
        optimizer.zero_grad()
        scaler.scale((w * value).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        assert w.cpu().tolist() == expected
    assert scaler.get_scale() == 2.0**15
