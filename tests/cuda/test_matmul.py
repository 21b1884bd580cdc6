"""Matrix products: what is asked of cuBLAS, carried out by NumPy from the description alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlf_cupy_gpu.kernels import matmul
from dlf_cupy_gpu.kernels.matmul_plan import Product, is_readable
from tests.cuda.compare import DTYPES, IDS, assert_close, draw
from tests.cuda.host import modules

Array = np.ndarray[Any, Any]


def _matrix(memory: Array, start: int, rows: int, columns: int, leading: int) -> Array:
    """A matrix that lies column by column, as a view; out of range is an error."""
    assert leading >= max(rows, 1), "cuBLAS refuses this leading dimension"
    last = start + (rows - 1) + (columns - 1) * leading
    assert start >= 0 and last < memory.size, "the product reads or writes out of range"
    item = memory.itemsize
    return np.lib.stride_tricks.as_strided(
        memory[start:], (rows, columns), (item, leading * item), writeable=True
    )


class Spelled:
    """Does what cublasGemmStridedBatchedEx does, one product after another, and keeps count."""

    def __init__(self) -> None:
        self.products: list[Product] = []

    def __call__(
        self, product: Product, first: Array, second: Array, result: Array, accumulate: bool
    ) -> None:
        self.products.append(product)
        p, memories = product, [_flat(a) for a in (first, second, result)]
        sizes = [
            (p.k, p.m) if p.transposed_first else (p.m, p.k),
            (p.n, p.k) if p.transposed_second else (p.k, p.n),
            (p.m, p.n),
        ]
        leading = (p.leading_first, p.leading_second, p.leading_result)
        strides = (p.stride_first, p.stride_second, p.stride_result)
        exact = np.complex128 if first.dtype.kind == "c" else np.float64
        for offsets in p.offsets:
            for index in range(p.batch):
                a, b, c = (
                    _matrix(m, at + index * stride, *size, step)
                    for m, at, stride, size, step in zip(
                        memories, offsets, strides, sizes, leading, strict=True
                    )
                )
                left = a.T if p.transposed_first else a
                right = b.T if p.transposed_second else b
                total = left.astype(exact) @ right.astype(exact)
                c[...] = (total + c.astype(exact) if accumulate else total).astype(c.dtype)


def _flat(array: Array) -> Array:
    """The memory from the array's first element to its last, as one dimension."""
    extent = sum((n - 1) * s for n, s in zip(array.shape, array.strides, strict=True))
    shape = (extent // array.itemsize + 1,)
    return np.lib.stride_tricks.as_strided(array, shape, (array.itemsize,), writeable=True)


@pytest.fixture
def spelled() -> Spelled:
    return Spelled()


@pytest.fixture
def kernels(spelled: Spelled) -> dict[str, Any]:
    return matmul.kernels(modules(), spelled)


@pytest.mark.parametrize("dtype", [*DTYPES, np.complex64], ids=[*IDS, "complex64"])
def test_product(kernels: Any, dtype: Any) -> None:
    a, b = draw((5, 7), dtype), draw((7, 3), dtype, 1)
    got = kernels["matmul"](a, b)
    assert got.dtype == dtype and got.flags.c_contiguous
    exact = np.complex128 if np.dtype(dtype).kind == "c" else np.float64
    want = a.astype(exact) @ b.astype(exact)
    if exact is np.float64:
        assert_close(got, want)
    else:
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def _check(kernels: Any, a: Array, b: Array) -> None:
    want = a.astype(np.float64) @ b.astype(np.float64)
    assert_close(kernels["matmul"](a, b), want)


def _views(array: Array) -> list[Array]:
    """The same matrices laid out in several ways."""
    transposed = np.ascontiguousarray(array.swapaxes(-1, -2)).swapaxes(-1, -2)
    spaced = np.zeros((*array.shape[:-2], array.shape[-2], array.shape[-1] + 3), array.dtype)
    spaced[..., :-3] = array
    return [array, transposed, spaced[..., :-3]]


@pytest.mark.parametrize("left", range(3))
@pytest.mark.parametrize("right", range(3))
@pytest.mark.parametrize("lead", [(), (4,), (2, 3)])
def test_no_layout_of_matrices_is_copied(
    monkeypatch: Any, kernels: Any, spelled: Spelled, left: int, right: int, lead: Any
) -> None:
    a = _views(draw((*lead, 5, 4), np.float32))[left]
    b = _views(draw((*lead, 4, 6), np.float32, 1))[right]
    monkeypatch.setattr(np, "ascontiguousarray", None)
    _check(kernels, a, b)
    assert len(spelled.products) == 1 and len(spelled.products[0].offsets) == 1


def test_rows_of_a_batch_become_one_product(kernels: Any, spelled: Spelled) -> None:
    _check(kernels, draw((4, 3, 5, 6), np.float32), draw((6, 7), np.float32))
    _check(kernels, draw((4, 3, 5, 6), np.float32), draw((7, 6), np.float32).T)
    _check(kernels, draw((4, 1, 6), np.float32), draw((6, 7), np.float32))
    _check(kernels, draw((4, 1, 9), np.float32)[..., :6], draw((6, 7), np.float32))
    assert [(p.batch, p.n) for p in spelled.products] == [(1, 60), (1, 60), (1, 4), (1, 4)]
    # Spaced rows in an even batch, too, but not where the batch has gaps of its own.
    _check(kernels, draw((4, 5, 8), np.float32)[..., :6], draw((6, 7), np.float32))
    _check(kernels, draw((4, 9, 6), np.float32)[:, :5], draw((6, 7), np.float32))
    assert [(p.batch, p.n) for p in spelled.products[4:]] == [(1, 20), (4, 5)]


def test_broadcast_batches(kernels: Any, spelled: Spelled) -> None:
    _check(kernels, draw((3, 5), np.float32), draw((4, 5, 2), np.float32))
    assert spelled.products[-1].batch == 4 and spelled.products[-1].stride_second == 0
    _check(kernels, draw((2, 1, 3, 5), np.float32), draw((3, 5, 2), np.float32))
    assert spelled.products[-1].batch == 3 and len(spelled.products[-1].offsets) == 2
    wide = np.broadcast_to(draw((1, 3, 5), np.float32), (6, 3, 5))
    _check(kernels, wide, draw((6, 5, 2), np.float32))
    assert spelled.products[-1].stride_second == 0


def test_heads_that_were_permuted(kernels: Any, spelled: Spelled) -> None:
    heads = draw((2, 7, 3, 4), np.float32).transpose(0, 2, 1, 3)
    _check(kernels, heads, heads.swapaxes(-1, -2))
    assert (spelled.products[-1].batch, len(spelled.products[-1].offsets)) == (3, 2)
    # Too many uneven steps are copied.
    many = draw((18, 5, 18, 2), np.float32).transpose(0, 2, 1, 3)
    _check(kernels, many, many.swapaxes(-1, -2))
    assert (spelled.products[-1].batch, len(spelled.products[-1].offsets)) == (18 * 18, 1)


def test_what_cannot_be_read_in_place(kernels: Any) -> None:
    a, b = draw((6, 8), np.float32), draw((8, 5), np.float32)
    _check(kernels, a[::-1], b)
    _check(kernels, a[::2, ::2], b[::2])
    _check(kernels, np.broadcast_to(a[:1], (6, 8)), b)
    _check(kernels, a, np.broadcast_to(b[:, :1], (8, 5)))
    assert not is_readable((6, 8), (-8, 1)) and not is_readable((3, 4), (16, 2))
    assert is_readable((1, 8), (0, 1)) and is_readable((8, 1), (1, 0))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((0, 3), (3, 4)),
        ((2, 0), (0, 4)),
        ((2, 3), (3, 0)),
        ((0, 2, 3), (3, 4)),
        ((5, 0, 3), (3, 2)),
    ],
)
def test_nothing(kernels: Any, left: Any, right: Any) -> None:
    got = kernels["matmul"](np.zeros(left, np.float32), np.zeros(right, np.float32))
    want = np.zeros(left) @ np.zeros(right)
    assert got.shape == want.shape and not got.any()


def test_integers_take_the_shared_kernel(kernels: Any, spelled: Spelled) -> None:
    a = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(kernels["matmul"](a, a.T), a @ a.T)
    assert not spelled.products


SIZES = st.integers(1, 4)


@st.composite
def operands(choose: Any) -> tuple[Array, Array]:
    """Two arrays that can be multiplied, sliced, transposed and broadcast in any way."""
    lead = choose(st.lists(SIZES, max_size=3))
    rows, depth, columns = choose(SIZES), choose(SIZES), choose(SIZES)
    out = []
    for matrix in ((rows, depth), (depth, columns)):
        own = [n if choose(st.booleans()) else 1 for n in lead]
        own = own[choose(st.integers(0, len(own))) :]
        shape = (*own, *matrix)
        order = choose(st.permutations(range(len(shape))))
        steps = [choose(st.sampled_from([1, 1, 1, 2, -1])) for _ in shape]
        space = [shape[d] * abs(steps[d]) + choose(st.integers(0, 1)) for d in order]
        memory = draw(tuple(space), np.float64, len(out))
        view = memory.transpose([order.index(d) for d in range(len(shape))])
        cut = tuple(slice(None, None, s) for s in steps)
        view = view[cut][tuple(slice(0, n) for n in shape)]
        if own and choose(st.booleans()):
            view = np.broadcast_to(view, (*lead[len(lead) - len(own) :], *matrix))
        out.append(view)
    return out[0], out[1]


@settings(max_examples=200, deadline=None)
@given(operands())
def test_any_layout(both: tuple[Array, Array]) -> None:
    a, b = both
    got = matmul.kernels(modules(), Spelled())["matmul"](a, b)
    np.testing.assert_allclose(got, a @ b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("shape", [(6,), (3, 6), (2, 3, 6), (0, 6)])
def test_linear(kernels: Any, dtype: Any, shape: Any) -> None:
    x, weight, bias = draw(shape, dtype), draw((4, 6), dtype, 1), draw((4,), dtype, 2)
    want = x.astype(np.float64) @ weight.astype(np.float64).T
    assert_close(kernels["linear"](x, weight, None), want)
    # One rounding, not two: the bias is added to the sum.
    assert_close(kernels["linear"](x, weight, bias), want + bias.astype(np.float64))


def test_linear_of_no_features(kernels: Any) -> None:
    empty = np.zeros((3, 0), np.float32), np.zeros((2, 0), np.float32)
    got = kernels["linear"](*empty, np.ones(2, np.float32))
    assert got.shape == (3, 2) and (got == 1).all()
