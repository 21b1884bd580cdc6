"""`sum` over some dimensions, and how its summands are shared out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlf_cupy_gpu.kernels import sums
from dlf_cupy_gpu.kernels.sums_launch import Pattern, by_columns, by_rows, pattern
from tests.cuda.compare import DTYPES, IDS, assert_close, draw
from tests.cuda.host import modules

# Shape, summed dimensions, and the entries that are launched.
CASES: list[tuple[tuple[int, ...], tuple[int, ...], list[str]]] = [
    ((5, 7), (0,), ["sum_columns"]),
    ((3, 16), (0,), ["sum_columns_wide"]),
    ((700, 24), (0,), ["sum_columns_wide", "sum_finish"]),
    ((600, 33), (0,), ["sum_columns", "sum_finish"]),
    ((2, 530, 8), (1,), ["sum_columns_wide", "sum_finish"]),
    ((2, 3, 5, 8), (0, 1, 2), ["sum_columns_wide"]),
    ((3, 37), (1,), ["sum_rows"]),
    ((3, 1, 4000), (-1,), ["sum_rows"]),
    ((2, 300, 9), (2,), ["sum_rows"]),
    ((9, 4, 6, 7), (0, 2, 3), ["sum_rows", "sum_finish"]),
    ((1, 4, 6, 7), (0, 2, 3), ["sum_rows"]),
    ((40, 2, 3000), (0, 2), ["sum_rows", "sum_finish"]),
    ((6, 5), (0, 1), []),
    ((2, 3, 4, 5), (0, 2), []),
    ((4, 0, 3), (1,), []),
]


@pytest.fixture(scope="module")
def kernels() -> dict[str, Any]:
    return sums.kernels(modules())


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize(("shape", "dims", "entries"), CASES, ids=str)
def test_values(kernels: Any, shape: Any, dims: Any, entries: list[str], dtype: Any) -> None:
    a = np.abs(draw(shape, dtype))  # Nothing that cancels out.
    want = a.astype(np.float64).sum(dims)
    modules().launches.clear()
    found = kernels["sum"](a, dims, False)
    if entries and "wide" not in entries[0]:  # The width depends on the dtype.
        assert modules().launches == entries
    assert_close(found, np.asarray(want))
    kept = kernels["sum"](a, dims, True)
    assert kept.shape == a.astype(np.float64).sum(dims, keepdims=True).shape
    assert np.array_equal(kept.reshape(found.shape), found, equal_nan=True)


def test_rows_that_begin_within_a_pack(kernels: Any) -> None:
    memory = np.abs(draw((1 + 12 * 9,), np.float32))
    a = memory[1:].reshape(12, 9)
    for dims in ((0,), (1,)):
        want = a.astype(np.float64).sum(dims)
        assert_close(kernels["sum"](a, dims, False), want)


def test_nan_and_inf_reach_their_own_sum_only(kernels: Any) -> None:
    a = np.ones((200, 8), np.float32)
    a[150, 3], a[7, 5] = np.nan, np.inf
    found = kernels["sum"](a, (0,), False)
    assert np.array_equal(found, [200, 200, 200, np.nan, 200, np.inf, 200, 200], equal_nan=True)
    found = kernels["sum"](np.ascontiguousarray(a.T), (1,), False)
    assert np.array_equal(found, [200, 200, 200, np.nan, 200, np.inf, 200, 200], equal_nan=True)


def test_strided_arrays_and_other_dtypes_are_left_to_the_library(kernels: Any) -> None:
    modules().launches.clear()
    for a in (np.arange(12.0, dtype="f")[::2].reshape(2, 3), np.ones((2, 3), np.int64)):
        assert np.array_equal(kernels["sum"](a, (0,), False), a.sum(0))
    assert modules().launches == []


@given(
    st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=5),
)
def test_a_pattern_has_the_sums_of_its_shape(dims: list[tuple[int, bool]]) -> None:
    shape = tuple(n for n, _ in dims)
    over = {d for d, (_, summed) in enumerate(dims) if summed}
    found = pattern(shape, over)
    if found is None:
        return
    a = np.arange(math.prod(shape)).reshape(shape)
    batch, outer, outputs, inner = found
    want = a.sum(tuple(over)).reshape(-1)
    assert np.array_equal(a.reshape(batch, outer, outputs, inner).sum((1, 3)).reshape(-1), want)


@given(
    st.tuples(*[st.integers(1, 5000)] * 3),
    st.sampled_from([(2, 8), (4, 4), (8, 2)]),
    st.integers(1, 200),
)
def test_shares(sizes: Any, element: tuple[int, int], processors: int) -> None:
    one, two, three = sizes
    itemsize, width = element
    rows = by_rows(Pattern(1, one, two, three + 1), itemsize, processors)
    assert 1 <= rows.splits <= one
    assert math.prod(rows.block) == 256
    columns = by_columns(Pattern(three, one, two * width, 1), width, processors)
    assert columns.splits == 1 or (columns.splits - 1) * 128 < one > 512
    assert columns.grid[0] < 1 << 31
    assert columns.grid[0] >= -(-two // 32) * three
