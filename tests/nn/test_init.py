"""Initialisers: their distributions, exact ones against PyTorch, and default ones of layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import dlf
from dlf.nn import init

N = 300


@pytest.fixture(autouse=True)
def seed() -> None:
    dlf.manual_seed(0)


def filled(name: str, *shape: int, **options: Any) -> np.ndarray:
    tensor = dlf.empty(shape)
    assert getattr(init, name)(tensor, **options) is tensor
    return tensor.numpy()


@pytest.mark.parametrize(
    ("name", "options", "bound"),
    [
        ("uniform_", {"a": -2.0, "b": 2.0}, 2.0),
        ("xavier_uniform_", {"gain": 2.0}, 2 * math.sqrt(6 / (N + N))),
        ("kaiming_uniform_", {"a": math.sqrt(5)}, 1 / math.sqrt(N)),
        ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "relu"}, math.sqrt(6 / N)),
    ],
)
def test_uniform(name: str, options: dict[str, Any], bound: float) -> None:
    values = filled(name, N, N, **options)
    assert np.abs(values).max() <= bound
    assert np.abs(values).max() > 0.99 * bound
    assert abs(values.mean()) < 0.01 * bound
    assert abs(values.std() * math.sqrt(3) / bound - 1) < 0.02


@pytest.mark.parametrize(
    ("name", "options", "std"),
    [
        ("normal_", {"std": 0.5}, 0.5),
        ("xavier_normal_", {}, math.sqrt(2 / (N + N))),
        ("kaiming_normal_", {"nonlinearity": "relu"}, math.sqrt(2 / N)),
        ("kaiming_normal_", {"nonlinearity": "tanh", "mode": "fan_out"}, 5 / 3 / math.sqrt(N)),
    ],
)
def test_normal(name: str, options: dict[str, Any], std: float) -> None:
    values = filled(name, N, N, **options)
    assert abs(values.mean()) < 0.02 * std
    assert abs(values.std() / std - 1) < 0.02
    assert abs((np.abs(values) < std).mean() - 0.6827) < 0.01


def test_normal_mean() -> None:
    assert abs(filled("normal_", N, N, mean=3.0).mean() - 3) < 0.02


def test_trunc_normal() -> None:
    values = filled("trunc_normal_", N, N, mean=1.0, std=2.0, a=0.0, b=4.0)
    assert values.min() >= 0
    assert values.max() <= 4
    oracle = torch.nn.init.trunc_normal_(torch.empty(N, N), 1.0, 2.0, 0.0, 4.0)
    assert abs(values.mean() - float(oracle.mean())) < 0.02
    assert abs(values.std() - float(oracle.std())) < 0.02
    with pytest.warns(UserWarning, match="more than 2 std"):
        init.trunc_normal_(dlf.empty(3), mean=9.0)


def test_fans_of_convolutions_count_the_kernel() -> None:
    assert init._calculate_fan_in_and_fan_out(dlf.empty(8, 4, 3, 5)) == (4 * 15, 8 * 15)


EXACT: dict[str, Callable[[Any, Any], Any]] = {
    "ones": lambda lib, init: init.ones_(lib.empty(2, 3)),
    "zeros": lambda lib, init: init.zeros_(lib.empty(2, 3)),
    "constant": lambda lib, init: init.constant_(lib.empty(2, 3), 0.3),
    "eye": lambda lib, init: init.eye_(lib.empty(3, 4)),
    "dirac 1d": lambda lib, init: init.dirac_(lib.empty(4, 2, 3)),
    "dirac 2d": lambda lib, init: init.dirac_(lib.empty(4, 2, 3, 4), groups=2),
    "dirac 3d": lambda lib, init: init.dirac_(lib.empty(2, 4, 3, 3, 3)),
}


@pytest.mark.parametrize("name", EXACT)
def test_exact(name: str) -> None:
    actual, expected = EXACT[name](dlf, init), EXACT[name](torch, torch.nn.init)
    np.testing.assert_array_equal(actual.numpy(), expected.numpy())


@pytest.mark.parametrize("shape", [(4, 4), (3, 6), (6, 3), (4, 2, 3)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = filled("orthogonal_", *shape, gain=2.0).reshape(shape[0], -1)
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.T
    np.testing.assert_allclose(matrix @ matrix.T, 4 * np.eye(len(matrix)), atol=1e-5)


def test_sparse_zeroes_a_part_of_each_column() -> None:
    values = filled("sparse_", 20, 30, sparsity=0.25)
    assert (values == 0).sum(0).tolist() == [5] * 30
    assert 0.008 < values[values != 0].std() < 0.012


@pytest.mark.parametrize("generator_seed", [1, 2])
def test_generator(generator_seed: int) -> None:
    def draw() -> np.ndarray:
        generator = dlf.Generator().manual_seed(generator_seed)
        return filled("kaiming_normal_", 4, 4, generator=generator)

    np.testing.assert_array_equal(draw(), draw())


@pytest.mark.parametrize(
    ("name", "param"),
    [(n, None) for n in ("linear", "conv2d", "conv_transpose3d", "sigmoid", "tanh", "relu", "selu")]
    + [("leaky_relu", None), ("leaky_relu", 0.2)],
)
def test_gain(name: str, param: float | None) -> None:
    assert init.calculate_gain(name, param) == pytest.approx(
        torch.nn.init.calculate_gain(name, param)  # type: ignore[arg-type]  # a name of its list
    )


BAD: dict[str, Callable[[Any, Any], Any]] = {
    "unknown gain": lambda lib, init: init.calculate_gain("sin"),
    "bad slope": lambda lib, init: init.calculate_gain("leaky_relu", "a"),
    "fan of a vector": lambda lib, init: init.xavier_normal_(lib.empty(3)),
    "unknown mode": lambda lib, init: init.kaiming_normal_(lib.empty(3, 3), mode="fan"),
    "eye of a vector": lambda lib, init: init.eye_(lib.empty(3)),
    "dirac of a matrix": lambda lib, init: init.dirac_(lib.empty(3, 3)),
    "dirac groups": lambda lib, init: init.dirac_(lib.empty(3, 3, 3), groups=2),
    "orthogonal vector": lambda lib, init: init.orthogonal_(lib.empty(3)),
    "sparse vector": lambda lib, init: init.sparse_(lib.empty(3), 0.1),
}


@pytest.mark.parametrize("name", BAD)
def test_errors_are_those_of_pytorch(name: str) -> None:
    errors = []
    for library in (dlf, torch):
        with pytest.raises(Exception) as caught:
            BAD[name](library, library.nn.init)
        errors.append(caught.value)
    assert isinstance(errors[0], type(errors[1]))
    assert str(errors[0]) == str(errors[1])


def test_parameters_stay_leaves() -> None:
    parameter = dlf.nn.Parameter(dlf.empty(3, 3))
    init.xavier_uniform_(parameter)
    assert parameter.is_leaf
    assert parameter.requires_grad


LAYERS: dict[str, tuple[Callable[[Any], Any], float]] = {
    "Linear": (lambda nn: nn.Linear(64, 200), 1 / 8),
    "Bilinear": (lambda nn: nn.Bilinear(64, 8, 40), 1 / 8),
    "Conv2d": (lambda nn: nn.Conv2d(16, 64, 4, groups=2), 1 / math.sqrt(8 * 16)),
    "ConvTranspose2d": (lambda nn: nn.ConvTranspose2d(16, 64, 4, groups=2), 1 / math.sqrt(32 * 16)),
    "LSTM": (lambda nn: nn.LSTM(16, 64), 1 / 8),
    "GRUCell": (lambda nn: nn.GRUCell(16, 64), 1 / 8),
}


@pytest.mark.parametrize("name", LAYERS)
def test_default_of_layers_is_uniform(name: str) -> None:
    make, bound = LAYERS[name]
    dlf.manual_seed(0)
    torch.manual_seed(0)
    module, oracle = make(dlf.nn), make(torch.nn)
    for (key, actual), expected in zip(module.named_parameters(), oracle.parameters(), strict=True):
        values, wanted = actual.detach().numpy(), expected.detach().numpy()
        assert np.abs(values).max() <= bound * (1 + 1e-6), key
        assert np.abs(values).max() > 0.8 * bound, key
        assert abs(np.abs(values).mean() - np.abs(wanted).mean()) < 0.12 * bound, key


def test_default_of_tables_is_normal() -> None:
    dlf.manual_seed(0)
    weight = dlf.nn.Embedding(100, 80, padding_idx=3).weight.detach().numpy()
    assert abs(np.delete(weight, 3, 0).std() - 1) < 0.03
    assert not weight[3].any()
    assert abs(dlf.nn.EmbeddingBag(100, 80).weight.detach().numpy().std() - 1) < 0.03


def test_default_of_attention() -> None:
    attention = dlf.nn.MultiheadAttention(64, 4, add_bias_kv=True)
    bound = math.sqrt(6 / (64 + 192))
    assert 0.98 * bound < np.abs(attention.in_proj_weight.detach().numpy()).max() <= bound
    assert not attention.in_proj_bias.detach().numpy().any()
    assert not attention.out_proj.bias.detach().numpy().any()
    assert attention.bias_k.detach().numpy().any()
