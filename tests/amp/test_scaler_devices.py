"""GradScaler's waits, devices, and optimizers that divide and leave out by themselves."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import dlf
from dlf_sim.backend import SimBackend
from dlf_sim.handle import Buffer


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The waits for `sim`, as they happen."""
    seen: list[str] = []
    to_host, wait = SimBackend.to_host, Buffer.wait
    monkeypatch.setattr(SimBackend, "to_host", lambda *a: (seen.append("to_host"), to_host(*a))[1])
    monkeypatch.setattr(Buffer, "wait", lambda *a: (seen.append("wait"), wait(*a))[1])
    return seen


def counted(waits: list[str], call: Callable[[], Any]) -> int:
    """How often `call` reads something from the device."""
    waits.clear()
    call()
    return waits.count("to_host")


def late(*shape: int, where: str = "sim") -> Any:
    return dlf.ones(*shape).to(where).requires_grad_()


def handles_scaling(T: Any) -> type[Any]:
    """Plain gradient descent that takes `found_inf` and `grad_scale` itself."""

    class Own(T.optim.Optimizer):  # type: ignore[misc, name-defined]  # of either library
        _step_supports_amp_scaling = True
        seen: list[Any]

        def __init__(self, params: Any) -> None:
            super().__init__(params, {"lr": 0.5})
            self.seen = []

        def step(self, closure: Any = None) -> str:
            self.seen.append((self.found_inf, self.grad_scale))
            with T.no_grad():
                for p in self.param_groups[0]["params"]:
                    grad = p.grad if self.grad_scale is None else p.grad / self.grad_scale
                    new = p - grad * 0.5
                    p.copy_(T.where(self.found_inf != 0, p, new))
            return "stepped"

    return Own


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("first", ["unscale_", "step"])
def test_one_wait_an_iteration(waits: list[str], count: int, first: str) -> None:
    parameters = [late(2, 3) for _ in range(count)]
    optimizer = dlf.optim.AdamW(parameters, lr=0.1)
    scaler = dlf.amp.GradScaler("sim", growth_interval=2)
    for number in range(4):
        optimizer.zero_grad()
        loss = sum((p * p).sum() for p in parameters)
        scaled: list[Any] = []
        assert counted(waits, lambda loss=loss, s=scaled: s.append(scaler.scale(loss))) == 0
        assert counted(waits, scaled[0].backward) == 0
        if first == "unscale_":
            assert counted(waits, lambda: scaler.unscale_(optimizer)) == 0
        assert counted(waits, lambda: scaler.step(optimizer)) == 1
        assert counted(waits, scaler.update) == 0
        assert counted(waits, scaler.get_scale) == 1, f"iteration {number}: waits are not seen"
    assert scaler.get_scale() == 2.0**18


def test_no_wait_for_what_leaves_out_by_itself(waits: list[str]) -> None:
    w = late(3)
    optimizer = handles_scaling(dlf)([w])
    scaler = dlf.amp.GradScaler("sim")
    for value in (1.0, math.inf, math.nan, 1.0):
        optimizer.zero_grad()
        loss = scaler.scale((w * value).sum())
        assert counted(waits, loss.backward) == 0
        assert counted(waits, lambda: scaler.step(optimizer)) == 0
        assert counted(waits, scaler.update) == 0
    assert w.tolist() == [0.0] * 3, "two of the four steps were left out"
    assert scaler.get_scale() == 2.0**14


def test_setting_the_scale_does_not_wait(waits: list[str]) -> None:
    w = late(3)
    scaler = dlf.amp.GradScaler("sim")
    optimizer = dlf.optim.SGD([w], lr=1.0)
    scaler.scale((w * 1.0).sum()).backward()
    scaler.step(optimizer)
    given = dlf.full((1,), 12.0).to("sim")
    assert counted(waits, lambda: scaler.update(given)) == 0
    assert scaler.get_scale() == 12.0
    given.fill_(5.0)
    assert scaler.get_scale() == 12.0, "its values are taken over, not the tensor"
    assert counted(waits, lambda: scaler.update(3.0)) == 0
    assert scaler.get_scale() == 3.0


@pytest.mark.parametrize("unscale", [False, True])
@pytest.mark.parametrize("given", [None, 4.0])
def test_what_leaves_out_by_itself_as_pytorch(unscale: bool, given: float | None) -> None:
    def run(T: Any) -> list[Any]:
        w = T.tensor([1.0, 2.0], requires_grad=True)
        optimizer = handles_scaling(T)([w])
        scaler = T.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
        told: list[Any] = []
        for value in (1.0, math.inf, 0.25, 0.5, -math.inf):
            optimizer.zero_grad()
            scaler.scale((w * value).sum()).backward()
            if unscale:
                scaler.unscale_(optimizer)
            if given is not None:
                optimizer.grad_scale = given
            told.append(scaler.step(optimizer))
            assert not hasattr(optimizer, "grad_scale")
            assert not hasattr(optimizer, "found_inf")
            scaler.update()
            found, scale = optimizer.seen[-1]
            told += [found.item(), None if scale is None else float(scale), w.tolist()]
            told += [scaler.get_scale(), w.grad.tolist()]
        return told

    assert run(dlf) == run(torch)


def test_without_a_gradient_only_the_optimizer_knows_what_to_do() -> None:
    w = dlf.ones(2, requires_grad=True)
    told: list[float] = []

    class Own(handles_scaling(dlf)):  # type: ignore[misc]  # a class made by a function
        def step(self, closure: Any = None) -> None:
            told.append(self.found_inf.item())

    scaler = dlf.amp.GradScaler("cpu")
    scaler.scale(w.sum())
    scaler.step(Own([w]))
    assert told == [0.0]
    with pytest.raises(AssertionError, match="No inf checks"):
        scaler.update()


def test_two_steps_without_update_are_refused() -> None:
    w = dlf.ones(2, requires_grad=True)
    optimizer = handles_scaling(dlf)([w])
    scaler = dlf.amp.GradScaler("cpu")
    scaler.scale(w.sum()).backward()
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="already been called since the last update"):
        scaler.step(optimizer)


@pytest.mark.parametrize("bad", [(), (0,), (1,), (0, 1)])
def test_gradients_on_two_devices(bad: tuple[int, ...], waits: list[str]) -> None:
    parameters = [late(2, where=f"sim:{i}") for i in range(2)]
    optimizer = dlf.optim.SGD(parameters, lr=0.25)
    scaler = dlf.amp.GradScaler("sim", init_scale=4.0, growth_interval=1)
    losses = [(p * (math.inf if i in bad else 1.0)).sum() for i, p in enumerate(parameters)]
    for loss in scaler.scale(losses):
        loss.backward()
    scaler.unscale_(optimizer)
    assert counted(waits, lambda: scaler.step(optimizer)) <= 2, "one wait a device"
    scaler.update()
    left = [1.0, 1.0] if bad else [0.75, 0.75]
    assert [p.tolist() for p in parameters] == [left, left]
    assert scaler.get_scale() == (2.0 if bad else 8.0)


def test_several_optimizers_of_which_one_takes_the_scale_itself() -> None:
    def run(T: Any) -> list[Any]:
        a, b = (T.ones(2).requires_grad_() for _ in range(2))
        first, second = handles_scaling(T)([a]), T.optim.Adam([b], lr=0.125)
        scaler = T.amp.GradScaler("cpu", init_scale=16.0, growth_interval=2)
        told: list[Any] = []
        for left, right in ((1.0, 1.0), (math.inf, 1.0), (0.5, math.nan), (1.0, 1.0)):
            first.zero_grad()
            second.zero_grad()
            for loss in scaler.scale([(a * left).sum(), (b * right).sum()]):
                loss.backward()
            scaler.step(first)
            scaler.step(second)
            scaler.update()
            told += [a.tolist(), [round(x, 6) for x in b.tolist()], scaler.state_dict()]
        return told

    assert run(dlf) == run(torch)


def test_a_device_without_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    backend = dlf.ones(1, device="sim").device.backend
    caps = replace(backend.caps, dtypes=backend.caps.dtypes - {"float64"})
    monkeypatch.setattr(type(backend), "caps", caps)
    w = late(2)
    optimizer = dlf.optim.SGD([w], lr=1.0)
    scaler = dlf.amp.GradScaler("sim", init_scale=8.0, growth_interval=1)
    for value, expected in ((1.0, 16.0), (math.inf, 8.0), (1.0, 16.0)):
        optimizer.zero_grad()
        scaler.scale((w * value).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        assert scaler.get_scale() == expected


def test_gradients_in_float16_are_refused_before_any_is_changed() -> None:
    a = dlf.ones(2).requires_grad_()
    b = dlf.ones(2, dtype=dlf.float16).requires_grad_()
    scaler = dlf.amp.GradScaler("cpu", init_scale=8.0)
    for loss in scaler.scale([a.sum(), b.sum()]):
        loss.backward()
    with pytest.raises(ValueError, match="FP16"):
        scaler.unscale_(dlf.optim.SGD([a, b], lr=1.0))
    assert a.grad.tolist() == [8.0, 8.0]


def test_states_in_the_middle_of_training() -> None:
    w = dlf.ones(2, requires_grad=True)
    optimizer = dlf.optim.SGD([w], lr=0.5)
    scaler = dlf.amp.GradScaler("cpu", init_scale=32.0, growth_interval=3)

    def iterate(scaler: Any, count: int) -> None:
        for _ in range(count):
            optimizer.zero_grad()
            scaler.scale(w.sum()).backward()
            scaler.step(optimizer)
            scaler.update()

    iterate(scaler, 2)
    again = pickle.loads(pickle.dumps(scaler))
    loaded = dlf.amp.GradScaler("cpu")
    loaded.load_state_dict(scaler.state_dict())
    for one in (again, loaded):
        assert one.state_dict() == scaler.state_dict()
        iterate(one, 1)
        assert (one.get_scale(), one.state_dict()["_growth_tracker"]) == (64.0, 0)
    # One in use takes over what it is given.
    again.load_state_dict(scaler.state_dict() | {"scale": 5.0, "_growth_tracker": 1})
    iterate(again, 1)
    assert (again.get_scale(), again.state_dict()["_growth_tracker"]) == (5.0, 2)
    iterate(again, 1)
    assert again.get_scale() == 10.0
    assert np.float32(again.get_scale()) == again.get_scale()
