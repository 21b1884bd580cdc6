"""Embedding, index_add and scatter_add, in any order and in a fixed one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dlf_cupy_gpu.kernels import lookup
from tests.cuda.compare import DTYPES, IDS, assert_close, draw
from tests.cuda.host import modules


@pytest.fixture(params=[False, True], ids=["atomic", "deterministic"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(lookup, "is_deterministic", lambda: request.param)
    return lookup.kernels(modules())


def double(a: Any) -> torch.Tensor:
    return torch.from_numpy(a.astype(np.float64))


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize(
    ("shape", "dim", "count"),
    [((6, 5), 0, 40), ((3, 4, 5), 1, 9), ((3, 4, 40), 1, 9), ((2, 7), 1, 1), ((4,), 0, 0)],
)
def test_index_add(kernels: Any, shape: Any, dim: int, count: int, dtype: Any) -> None:
    x = draw(shape, dtype)
    source = draw((*shape[:dim], count, *shape[dim + 1 :]), dtype, 1)
    index = np.random.default_rng(2).integers(0, shape[dim], count)
    before = x.copy()
    want = double(x).index_add(dim, torch.from_numpy(index), double(source))
    assert_close(kernels["index_add"](x, index, source, dim), want.numpy(), 2)
    assert np.array_equal(x, before)


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize(
    ("shape", "dim", "index_shape", "source_shape"),
    [
        ((6, 5), 0, (9, 5), (9, 5)),
        ((3, 4, 5), 1, (3, 7, 5), (3, 7, 5)),
        ((5, 6, 4), 2, (3, 2, 9), (4, 2, 11)),
        ((4,), 0, (0,), (0,)),
        ((), 0, (), ()),
    ],
)
def test_scatter_add(
    kernels: Any, shape: Any, dim: int, index_shape: Any, source_shape: Any, dtype: Any
) -> None:
    x, source = draw(shape, dtype), draw(source_shape, dtype, 1)
    size = shape[dim] if shape else 1
    index = np.asarray(np.random.default_rng(2).integers(0, size, index_shape))
    want = double(x).scatter_add(dim, torch.from_numpy(index), double(source))
    assert_close(kernels["scatter_add"](x, index, source, dim), want.numpy(), 2)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_integers_take_the_shared_kernels(kernels: Any, dtype: Any) -> None:
    x, index, source = np.zeros(3, dtype), np.array([0, 2, 2]), np.array([1, 2, 3], dtype)
    assert kernels["index_add"](x, index, source, 0).tolist() == [1, 0, 5]
    assert kernels["scatter_add"](x, index, source, 0).tolist() == [1, 0, 5]


@pytest.mark.parametrize("scale", [False, True], ids=["plain", "by_freq"])
@pytest.mark.parametrize("padding", [-1, 2])
@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("columns", [5, 64])
def test_embedding(kernels: Any, columns: int, dtype: Any, padding: int, scale: bool) -> None:
    weight, indices = draw((7, columns), dtype), np.random.default_rng(0).integers(0, 7, (3, 11))
    got = kernels["embedding"](weight, indices, padding, scale)
    assert np.array_equal(got, weight[indices])
    grad = draw((3, 11, columns), dtype, 1)
    table = double(weight).requires_grad_()
    chosen = None if padding < 0 else padding
    out = F.embedding(torch.from_numpy(indices), table, chosen, scale_grad_by_freq=scale)
    (want,) = torch.autograd.grad(out, table, double(grad))
    have = kernels["embedding_backward"](grad, indices, 7, padding, scale)
    assert_close(have, want.numpy(), 2)


def test_nothing_to_look_up(kernels: Any) -> None:
    weight, none = draw((7, 4), np.float32), np.zeros((0, 2), np.int64)
    assert kernels["embedding"](weight, none, -1, False).shape == (0, 2, 4)
    grad = np.zeros((0, 2, 4), np.float32)
    assert not kernels["embedding_backward"](grad, none, 7, -1, True).any()


def test_rows_out_of_range_are_not_read_and_not_written(kernels: Any) -> None:
    got = kernels["embedding"](draw((3, 4), np.float32), np.array([0, 3, -1]), -1, False)
    assert np.isnan(got[1:]).all() and not np.isnan(got[0]).any()
    x = np.zeros((3, 2), np.float32)
    got = kernels["index_add"](x, np.array([0, 3, -1]), np.ones((3, 2), np.float32), 0)
    assert got.tolist() == [[1, 1], [0, 0], [0, 0]]
    index = np.array([[0, 3], [-1, 2], [3, -1]])
    got = kernels["scatter_add"](x, index, np.ones((3, 2), np.float32), 0)
    assert got.tolist() == [[1, 0], [0, 0], [0, 1]]


def test_the_fixed_order_is_that_of_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "is_deterministic", lambda: True)
    source, index = draw((500, 1), np.float32, scale=1e4), np.zeros(500, np.int64)
    got = lookup.kernels(modules())["index_add"](np.zeros((1, 1), np.float32), index, source, 0)
    total = np.float32(0)
    for value in source[:, 0]:
        total += value
    assert got[0, 0] == total
