"""Gradients through the casts, and the casts of weights that a region keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import dlf
from dlf.registry import registry


@pytest.fixture
def casts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The shapes and dtypes that are cast while the test runs."""
    device = dlf.ones(1).device
    found: list[Any] = []
    table = list(device.table)
    kernel = table[registry["cast"].slot]

    def noted(a: Any, dtype: dlf.dtype) -> Any:
        found.append((a.shape, dtype))
        return kernel(a, dtype)

    table[registry["cast"].slot] = noted
    monkeypatch.setattr(device, "table", table)
    return found


def parameter(*size: int) -> Any:
    return dlf.nn.Parameter(dlf.randn(*size))


def test_gradients_have_the_dtype_of_their_tensor() -> None:
    x = dlf.randn(4, 8, requires_grad=True)
    w, b = parameter(5, 8), parameter(5)
    with dlf.autocast("cpu"):
        out = dlf.nn.functional.linear(x, w, b)
        assert out.dtype is dlf.bfloat16
        loss = dlf.nn.functional.mse_loss(out, dlf.zeros(4, 5))
    assert loss.dtype is dlf.float32
    loss.backward()
    names = (("x", x), ("w", w), ("b", b))
    twin = {name: torch.tensor(t.detach().numpy(), requires_grad=True) for name, t in names}
    with torch.autocast("cpu"):
        theirs = torch.nn.functional.linear(twin["x"], twin["w"], twin["b"])
        theirs = torch.nn.functional.mse_loss(theirs, torch.zeros(4, 5))
    theirs.backward()
    for name, tensor in names:
        assert tensor.grad is not None
        assert tensor.grad.dtype is dlf.float32, name
        expected = twin[name].grad
        assert expected is not None
        np.testing.assert_allclose(
            tensor.grad.numpy(), expected.numpy(), rtol=5e-2, atol=2e-2, err_msg=name
        )


def test_a_weight_is_cast_once(casts: list[Any]) -> None:
    w, x = parameter(8, 8), dlf.randn(2, 8)
    with dlf.autocast("cpu"):
        for _ in range(3):
            dlf.nn.functional.linear(x, w)
        with dlf.autocast("cpu"):
            dlf.nn.functional.linear(x, w)
    assert casts.count(((8, 8), dlf.bfloat16)) == 1
    assert casts.count(((2, 8), dlf.bfloat16)) == 4, "an input that needs no gradient is not kept"
    with dlf.autocast("cpu"):
        dlf.nn.functional.linear(x, w)
    assert casts.count(((8, 8), dlf.bfloat16)) == 2, "the outermost region keeps it, no other"


@pytest.mark.parametrize("how", ["argument", "function", "clear"])
def test_casts_are_not_kept_if_so_wished(casts: list[Any], how: str) -> None:
    w, x = parameter(8, 8), dlf.randn(2, 8)
    with dlf.autocast("cpu", cache_enabled=how != "argument"):
        for _ in range(2):
            if how == "function":
                dlf.set_autocast_cache_enabled(False)
            if how == "clear":
                dlf.clear_autocast_cache()
            dlf.nn.functional.linear(x, w)
    assert casts.count(((8, 8), dlf.bfloat16)) == 2
    assert dlf.is_autocast_cache_enabled()


def test_a_weight_that_changes_is_cast_again() -> None:
    w, x = parameter(1, 1), dlf.ones(1, 1)
    with dlf.autocast("cpu"):
        for value in (1.0, 2.0, 3.0):
            with dlf.no_grad():
                w.fill_(value)
            assert dlf.nn.functional.linear(x, w).item() == value
        w.data = dlf.full((1, 1), 4.0)
        assert dlf.nn.functional.linear(x, w).item() == 4.0


def test_optimizer_step_within_the_region() -> None:
    w, x = parameter(1, 1), dlf.ones(1, 1)
    optimizer = dlf.optim.SGD([w], lr=1.0)
    seen = []
    with dlf.autocast("cpu"):
        with dlf.no_grad():
            w.fill_(8.0)
        for _ in range(3):
            optimizer.zero_grad()
            out = dlf.nn.functional.linear(x, w)
            seen.append(out.item())
            out.sum().backward()
            optimizer.step()
    assert seen == [8.0, 7.0, 6.0]


def test_a_cast_made_without_grad_does_not_cost_the_gradient() -> None:
    w, x = parameter(8, 8), dlf.randn(2, 8)
    with dlf.autocast("cpu"):
        with dlf.no_grad():
            assert not dlf.nn.functional.linear(x, w).requires_grad
        out = dlf.nn.functional.linear(x, w)
    out.sum().backward()
    assert w.grad is not None


def test_several_backward_passes_go_through_one_cast() -> None:
    w = parameter(8, 8)
    plain = w.detach().clone().requires_grad_()
    inputs = [dlf.randn(2, 8) for _ in range(3)]
    with dlf.autocast("cpu"):
        losses = [dlf.nn.functional.linear(x, w).float().square().sum() for x in inputs]
    for loss in losses:
        loss.backward()
    for x in inputs:
        dlf.nn.functional.linear(x, plain).square().sum().backward()
    assert w.grad is not None
    assert plain.grad is not None
    np.testing.assert_allclose(w.grad.numpy(), plain.grad.numpy(), rtol=0.1, atol=0.3)


def test_second_derivative() -> None:
    w = dlf.tensor([[2.0]], requires_grad=True)
    with dlf.autocast("cpu"):
        out = (dlf.nn.functional.linear(dlf.ones(1, 1), w) @ w).float().sum()
    (first,) = dlf.autograd.grad(out, w, create_graph=True)
    assert first.dtype is dlf.float32
    assert first.item() == 4.0
    (second,) = dlf.autograd.grad(first.sum(), w)
    assert second.item() == 2.0


@pytest.mark.parametrize("device", ["cpu", "sim"])
@pytest.mark.parametrize("create_graph", [False, True])
def test_every_parameter_gets_its_gradient(device: str, create_graph: bool) -> None:
    model = dlf.nn.Sequential(
        dlf.nn.Conv2d(1, 4, 3),
        dlf.nn.BatchNorm2d(4),
        dlf.nn.GELU(),
        dlf.nn.Flatten(),
        dlf.nn.LayerNorm(144),
        dlf.nn.Linear(144, 10),
    ).to(device)
    with dlf.autocast(device):
        out = model(dlf.randn(5, 1, 8, 8, device=device))
        loss = dlf.nn.functional.cross_entropy(out, dlf.arange(5, device=device))
    assert loss.dtype is dlf.float32
    loss.backward(create_graph=create_graph)
    for name, p in model.named_parameters():
        assert p.grad is not None, name
        assert p.grad.dtype is dlf.float32, name
        assert bool(p.grad.isfinite().all()), name
    for name, buffer in model.named_buffers():
        assert buffer.dtype in (dlf.float32, dlf.int64), name
