"""Activations and their gradients, against PyTorch in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dlf_cupy_gpu.kernels import elementwise
from tests.cuda.compare import DTYPES, IDS, assert_close, draw, misaligned
from tests.cuda.host import modules

FORWARD: dict[str, tuple[tuple[Any, ...], Callable[[Any], Any]]] = {
    "relu": ((), F.relu),
    "sigmoid": ((), torch.sigmoid),
    "silu": ((), F.silu),
    "gelu": (("none",), F.gelu),
    "gelu tanh": (("tanh",), lambda x: F.gelu(x, approximate="tanh")),
    "mish": ((), F.mish),
    "logsigmoid": ((), F.logsigmoid),
    "softplus": ((2.0, 3.0), lambda x: F.softplus(x, 2.0, 3.0)),
    "elu": ((1.5, 1.0, 1.0), lambda x: F.elu(x, 1.5)),
    "leaky_relu": ((0.1,), lambda x: F.leaky_relu(x, 0.1)),
    "hardtanh": ((-0.5, 1.0), lambda x: F.hardtanh(x, -0.5, 1.0)),
    "hardsigmoid": ((), F.hardsigmoid),
    "hardswish": ((), F.hardswish),
    "threshold": ((0.25, -2.0), lambda x: F.threshold(x, 0.25, -2.0)),
}
BACKWARD = {
    "silu_backward": ((), F.silu),
    "gelu_backward": (("none",), F.gelu),
    "gelu_backward tanh": (("tanh",), lambda x: F.gelu(x, approximate="tanh")),
    "threshold_backward": ((0.0,), F.relu),
}
SHAPES = [(), (3,), (1025,), (4, 64), (0, 5)]


@pytest.fixture(scope="module")
def kernels() -> dict[str, Any]:
    return elementwise.kernels(modules())


def double(x: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(x, np.float64))


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("name", FORWARD)
def test_forward(kernels: Any, name: str, dtype: Any) -> None:
    values, reference = FORWARD[name]
    for shape in SHAPES:
        x = draw(shape, dtype, scale=3)
        assert_close(kernels[name.split()[0]](x, *values), reference(double(x)).numpy(), 2)


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("name", BACKWARD)
def test_backward(kernels: Any, name: str, dtype: Any) -> None:
    values, reference = BACKWARD[name]
    for shape in SHAPES:
        x, grad = draw(shape, dtype, scale=3), draw(shape, dtype, 1)
        at = double(x).requires_grad_()
        (wanted,) = torch.autograd.grad(reference(at), at, double(grad))
        assert_close(kernels[name.split()[0]](grad, x, *values), wanted.numpy(), 2)


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
def test_sigmoid_backward_and_broadcast_gradients(kernels: Any, dtype: Any) -> None:
    y = draw((6, 8), dtype)
    grad = draw((6, 1), dtype, 1)
    y64, grad64 = y.astype(np.float64), grad.astype(np.float64)
    assert_close(kernels["sigmoid_backward"](grad, y), grad64 * y64 * (1 - y64), 2)
    spread = np.broadcast_to(grad, y.shape)
    assert_close(kernels["sigmoid_backward"](spread, y), grad64 * y64 * (1 - y64), 2)


@pytest.mark.parametrize("name", FORWARD)
def test_special_values(kernels: Any, name: str) -> None:
    values, reference = FORWARD[name]
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 80, -80], np.float32)
    assert_close(kernels[name.split()[0]](x, *values), reference(double(x)).numpy())


def test_wide_access_is_chosen_by_address(kernels: Any) -> None:
    x = draw((100,), np.float32)
    kernels["gelu"](x, "none")
    assert modules().launches[-1] == "gelu_wide"
    kernels["gelu"](misaligned(x), "none")
    assert modules().launches[-1] == "gelu"


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("activation", elementwise.ACTIVATIONS)
def test_bias_and_activation(activation: str, dtype: Any) -> None:
    after = {
        "none": lambda x: x,
        "relu": F.relu,
        "silu": F.silu,
        "gelu": F.gelu,
        "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    }[activation]
    for columns in (5, 64):
        x, bias = draw((3, 4, columns), dtype), draw((columns,), dtype, 1)
        wanted = after(double(x) + double(bias)).numpy()
        assert_close(elementwise.add_bias(modules(), x, bias, activation), wanted, 2)
        assert elementwise.add_bias(modules(), x, bias, activation, out=x) is x
        assert_close(x, wanted, 2)


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("shape", [(4, 3, 5), (300, 64), (1, 1), (2, 4096), (0, 8)], ids=str)
def test_every_row_becomes_the_bias(shape: tuple[int, ...], dtype: Any) -> None:
    row, y = draw(shape[-1:], dtype), draw(shape, dtype, 1)
    elementwise.repeat_row(modules(), row, y)
    assert (y == row).all()
    wide = draw((2 * shape[-1],), dtype)[::2]
    elementwise.repeat_row(modules(), wide, y)
    assert (y == wide).all()
