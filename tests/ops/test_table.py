"""Every row of the table: values, gradient and second derivative against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlf
from dlf.autograd.gradcheck import gradgradcheck
from tests.ops.table import REDUCE, ROWS, UNARY, Row
from tests.support.oracle import assert_same_gradients, assert_same_outcome, differentiable, pair

CASES = [(row, dtype) for row in ROWS for dtype in row.dtypes]
SINGLE = [row for row in [*UNARY, *REDUCE] if len(row.inputs) == 1]


def tensors(row: Row, dtype: str) -> list[tuple[Any, Any]]:
    return [pair(a, dtype if a.dtype == np.float64 else None) for a in row.inputs]


@pytest.mark.parametrize(("row", "dtype"), CASES, ids=str)
def test_values(row: Row, dtype: str) -> None:
    assert_same_outcome(row.call, *tensors(row, dtype))


@pytest.mark.parametrize("row", [row for row in ROWS if row.grad], ids=str)
def test_gradient(row: Row) -> None:
    assert_same_gradients(row.call, row.inputs)


@pytest.mark.parametrize("row", [row for row in ROWS if row.grad and row.second], ids=str)
def test_second_derivative(row: Row) -> None:
    inputs = [pair(a, grad=a.dtype.kind == "f")[0] for a in row.inputs]
    assert gradgradcheck(
        lambda *ts: tuple(differentiable(row.call(dlf, *ts))), inputs, fast_mode=True
    )


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (1,)], ids=str)
@pytest.mark.parametrize("row", UNARY, ids=str)
def test_shapes(row: Row, shape: tuple[int, ...]) -> None:
    assert_same_outcome(row.call, pair(np.full(shape, 0.5)))


@pytest.mark.parametrize("shape", [(0,), (2, 0, 3), (0, 2, 3), ()], ids=str)
@pytest.mark.parametrize("row", [row for row in REDUCE if len(row.inputs) == 1], ids=str)
@pytest.mark.filterwarnings("ignore:.*degrees of freedom.*")
def test_reductions_of_odd_shapes(row: Row, shape: tuple[int, ...]) -> None:
    assert_same_outcome(row.call, pair(np.full(shape, 0.5)))


SPECIAL = np.array(
    [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, 1e-30, 1e30]
)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("row", UNARY, ids=str)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_special_values(row: Row, dtype: str) -> None:
    if "int" in row.name:
        pytest.skip("C leaves the cast of NaN and infinity to int undefined")
    assert_same_outcome(row.call, pair(SPECIAL, dtype))


@pytest.mark.parametrize("row", [r for r in REDUCE if len(r.inputs) == 1], ids=str)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_reductions_of_special_values(row: Row) -> None:
    if any(name in row.name for name in ("median", "kthvalue", "prod with")):
        pytest.skip("needs this shape's own values")
    if row.name in ("var_mean", "std_mean"):
        pytest.skip("PyTorch's one-pass mean of infinities is NaN; that of `mean` is not")
    values = np.tile(SPECIAL[:12].reshape(2, 3, 2), (1, 1, 2))
    values[0, 0, 0] = 3.0
    if any(name in row.name for name in ("arg", "sort", "topk")):
        values = values[:, :, :1]
    assert_same_outcome(row.call, pair(values))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_inputs_stay_as_they_are(row: Row) -> None:
    ours = [ours for ours, _ in tensors(row, row.dtypes[-1])]
    before = [t.numpy().copy() for t in ours]
    row.call(dlf, *ours)
    for t, values in zip(ours, before, strict=True):
        np.testing.assert_array_equal(t.numpy(), values)


def test_names_are_unique() -> None:
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names))
