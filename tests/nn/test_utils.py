"""Gradient clipping, parameter vectors and padded sequences against PyTorch's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import dlf

VALUES = [np.array([3.0, -4.0], "float32"), np.array([[1.0, 2.0], [-6.0, 0.5]], "float32")]


def parameters(library: Any) -> list[Any]:
    made = []
    for values in VALUES:
        parameter = library.nn.Parameter(library.zeros(*values.shape))
        parameter.grad = library.from_numpy(values.copy())
        made.append(parameter)
    return [*made, library.nn.Parameter(library.zeros(1))]


@pytest.mark.parametrize("norm_type", [0, 1, 2, 3.5, math.inf, -math.inf])
@pytest.mark.parametrize("max_norm", [2.0, 100.0])
def test_clip_grad_norm(norm_type: float, max_norm: float) -> None:
    results = []
    for library in (dlf, torch):
        given = parameters(library)
        total = library.nn.utils.clip_grad_norm_(given, max_norm, norm_type)
        results.append([total.numpy(), *(p.grad.numpy() for p in given[:2])])
        assert given[2].grad is None
    for actual, expected in zip(*results, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_clip_grad_norm_of_one_tensor_or_none() -> None:
    one = parameters(dlf)[0]
    assert dlf.nn.utils.clip_grad_norm_(one, 1.0).item() == pytest.approx(5)
    assert one.grad.numpy() == pytest.approx([0.6, -0.8], rel=1e-4)
    assert dlf.nn.utils.clip_grad_norm_([], 1.0).item() == 0


def test_non_finite_norm_is_an_error_on_request() -> None:
    given = parameters(dlf)
    given[0].grad.fill_(math.nan)
    assert math.isnan(dlf.nn.utils.clip_grad_norm_(given, 1.0).item())
    with pytest.raises(RuntimeError, match="non-finite"):
        dlf.nn.utils.clip_grad_norm_(given, 1.0, error_if_nonfinite=True)


def test_clip_grad_value() -> None:
    results = []
    for library in (dlf, torch):
        given = parameters(library)
        library.nn.utils.clip_grad_value_(given, 2.5)
        results.append([p.grad.numpy() for p in given[:2]])
    for actual, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_get_total_norm() -> None:
    tensors = [dlf.from_numpy(values) for values in VALUES]
    expected = torch.nn.utils.get_total_norm([torch.from_numpy(values) for values in VALUES])
    assert dlf.nn.utils.get_total_norm(tensors).item() == pytest.approx(expected.item())


def test_parameter_vectors() -> None:
    model = dlf.nn.Linear(3, 2)
    vector = dlf.nn.utils.parameters_to_vector(model.parameters())
    expected = np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])
    np.testing.assert_array_equal(vector.detach().numpy(), expected)
    dlf.nn.utils.vector_to_parameters(dlf.arange(8.0), model.parameters())
    np.testing.assert_array_equal(model.weight.detach().numpy(), np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(model.bias.detach().numpy(), [6, 7])
    assert model.weight.requires_grad
    with pytest.raises(TypeError):
        dlf.nn.utils.vector_to_parameters([1.0], model.parameters())


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("side", ["left", "right"])
def test_pad_sequence(batch_first: bool, side: str) -> None:
    arrays = [np.arange(n * 2.0).reshape(n, 2) for n in (2, 4, 1)]
    actual, expected = (
        library.nn.utils.rnn.pad_sequence(
            [library.from_numpy(a) for a in arrays], batch_first, -1.0, side
        )
        for library in (dlf, torch)
    )
    np.testing.assert_array_equal(actual.numpy(), expected.numpy())


def test_pad_sequence_errors() -> None:
    pad = dlf.nn.utils.rnn.pad_sequence
    with pytest.raises(RuntimeError, match="iterable"):
        pad(3)
    with pytest.raises(RuntimeError, match="empty"):
        pad([])
    with pytest.raises(RuntimeError, match="padding_side"):
        pad([dlf.ones(2)], padding_side="top")


@pytest.mark.parametrize("batch_first", [False, True])
def test_packing_and_padding(batch_first: bool) -> None:
    values = np.arange(24.0).reshape(3, 4, 2)
    if not batch_first:
        values = values.swapaxes(0, 1).copy()
    results = []
    for library in (dlf, torch):
        rnn = library.nn.utils.rnn
        packed = rnn.pack_padded_sequence(
            library.from_numpy(values), [2, 4, 1], batch_first, enforce_sorted=False
        )
        padded, lengths = rnn.pad_packed_sequence(packed, batch_first, -1.0)
        results.append([*packed, padded, lengths, *rnn.unpack_sequence(packed)])
    assert len(results[0]) == len(results[1])
    for actual, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(actual.numpy(), expected.numpy())


def test_packing_errors() -> None:
    rnn = dlf.nn.utils.rnn
    x = dlf.ones(3, 2, 1)
    for lengths, message in (([1, 3], "sorted"), ([3, 0], "greater than 0"), ([3], "batch_size")):
        with pytest.raises(RuntimeError, match=message):
            rnn.pack_padded_sequence(x, lengths)
    with pytest.raises(ValueError, match="total_length"):
        rnn.pad_packed_sequence(rnn.pack_padded_sequence(x, [3, 1]), total_length=2)
