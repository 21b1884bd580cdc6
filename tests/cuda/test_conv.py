"""Convolutions and their gradients against PyTorch in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dlf_cupy_gpu.kernels import conv
from dlf_cupy_gpu.kernels import conv_launch as geometry
from tests.cuda.compare import DTYPES, IDS, assert_close, draw, misaligned
from tests.cuda.host import modules

Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def kernels() -> dict[str, Any]:
    return conv.kernels(modules())


# input, weight, stride, padding, dilation, groups; more than a tile of rows, columns and depth.
CASES = [
    ((2, 3, 7, 6), (5, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((1, 4, 9, 8), (6, 2, 3, 2), (2, 3), (1, 2), (1, 2), 2),
    ((2, 3, 5, 5), (70, 3, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((3, 70, 4, 4), (2, 70, 2, 2), (2, 2), (0, 1), (1, 1), 1),
    ((2, 3, 1, 12), (4, 3, 1, 5), (1, 2), (0, 2), (1, 2), 1),
    ((2, 6, 6, 7), (6, 1, 3, 3), (1, 1), (1, 1), (1, 1), 6),
    ((2, 4, 6, 5), (8, 1, 3, 2), (2, 1), (1, 0), (1, 2), 4),
    ((1, 6, 5, 5), (9, 2, 2, 2), (1, 2), (1, 1), (2, 1), 3),
    ((1, 2, 4, 5, 4), (3, 2, 2, 3, 2), (1, 2, 1), (1, 0, 1), (1, 1, 2), 1),
    ((2, 4, 3, 4, 3), (4, 1, 2, 2, 3), (1, 1, 2), (0, 1, 1), (1, 1, 1), 4),
    ((1, 1, 1, 1), (1, 1, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((2, 16, 20, 9), (8, 16, 3, 3), (1, 1), (1, 1), (1, 1), 1),
]


def _expected(x: Array, w: Array, b: Any, g: Any, case: Any) -> tuple[Array, ...]:
    torch = pytest.importorskip("torch")
    tensors = [torch.from_numpy(a.astype(np.float64)).requires_grad_() for a in (x, w)]
    bias = None if b is None else torch.from_numpy(b.astype(np.float64))
    apply = torch.nn.functional.conv2d if x.ndim == 4 else torch.nn.functional.conv3d
    y = apply(*tensors, bias, *case[2:])
    y.backward(torch.from_numpy(g(tuple(y.shape)).astype(np.float64)))
    return y.detach().numpy(), *(t.grad.numpy() for t in tensors)


@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_convolution(kernels: Any, dtype: Any, case: Any) -> None:
    x, w, b = draw(case[0], dtype), draw(case[1], dtype, 1), draw(case[1][:1], dtype, 2)
    gradients: list[Array] = []

    def grad(shape: tuple[int, ...]) -> Array:
        gradients.append(draw(shape, dtype, 3))
        return gradients[0]

    y, dx, dw = _expected(x, w, b, grad, case)
    name = "conv2d" if x.ndim == 4 else "conv3d"
    assert_close(kernels[name](x, w, b, *case[2:]), y, 8)
    got = kernels[f"{name}_input_grad"](gradients[0], w, x.shape, *case[2:])
    assert_close(got, dx, 8)
    got = kernels[f"{name}_weight_grad"](gradients[0], x, w.shape, *case[2:])
    assert_close(got, dw, 2 * max(4.0, np.abs(dw).max()))


@pytest.mark.parametrize("dtype", [np.float32, np.float16], ids=["float32", "float16"])
def test_blocks_take_several_tiles(monkeypatch: Any, kernels: Any, dtype: Any) -> None:
    monkeypatch.setattr(geometry, "GRID", 2)
    test_convolution(kernels, dtype, ((2, 6, 9, 8), (140, 3, 3, 3), (2, 1), (1, 0), (1, 2), 2))


def test_which_kernels_run(kernels: Any) -> None:
    def run(x: Any, w: Any, groups: int) -> str:
        kernels["conv2d"](x, w, None, (1, 1), (0, 0), (1, 1), groups)
        return modules().launches[-1]

    x = draw((1, 8, 4, 4), np.float32)
    assert run(x, draw((8, 1, 2, 2), np.float32), 8) == "conv_direct"
    assert run(x, draw((8, 8, 2, 2), np.float32), 1) == "conv_wide"
    assert run(x, misaligned(draw((8, 8, 2, 2), np.float32)), 1) == "conv"
    assert run(x[:, :7], draw((8, 7, 1, 3), np.float32), 1) == "conv"
    g, x = draw((8, 16, 12, 12), np.float32), draw((8, 4, 12, 12), np.float32)
    kernels["conv2d_weight_grad"](g, x, (16, 4, 1, 1), (1, 1), (0, 0), (1, 1), 1)
    assert modules().launches[-2:] == ["conv_weight_grad", "conv_weight_sum"]


def test_views(kernels: Any) -> None:
    x, w = draw((2, 6, 7, 5), np.float32), draw((4, 3, 2, 2), np.float32, 1)
    rest = (1, 1), (0, 0), (1, 1), 1
    want = kernels["conv2d"](x[:, ::2].transpose(0, 1, 3, 2).copy(), w, None, *rest)
    got = kernels["conv2d"](x[:, ::2].transpose(0, 1, 3, 2), w, None, *rest)
    np.testing.assert_array_equal(got, want)


def test_input_larger_than_the_windows(kernels: Any) -> None:
    """A transposed convolution with output padding: the last input is in no window."""
    torch = pytest.importorskip("torch")
    g, w = draw((1, 3, 4, 4), np.float32), draw((3, 2, 3, 3), np.float32, 1)
    want = torch.nn.functional.conv_transpose2d(
        torch.from_numpy(g), torch.from_numpy(w), None, 3, 1, 2
    )
    shape = tuple(want.shape)
    got = kernels["conv2d_input_grad"](g, w, shape, (3, 3), (1, 1), (1, 1), 1)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(0, 3, 5, 5), (2, 0, 5, 5)])
def test_nothing(kernels: Any, shape: Any) -> None:
    rest = (1, 1), (1, 1), (1, 1), 1
    w = (4, shape[1], 3, 3)
    y = kernels["conv2d"](np.zeros(shape), np.zeros(w), np.ones(4), *rest)
    assert y.shape == (shape[0], 4, 5, 5) and (y == 1).all()
    g = np.ones(y.shape)
    dx = kernels["conv2d_input_grad"](g, np.zeros(w), shape, *rest)
    dw = kernels["conv2d_weight_grad"](g, np.zeros(shape), w, *rest)
    assert dx.shape == shape and dw.shape == w and not dx.any() and not dw.any()


def test_geometry() -> None:
    s = geometry.sizes((2, 6, 9, 8), (4, 3, 3, 3), (2, 1), (1, 0), (1, 2), 2)
    assert s[:4] == (2, 2, 3, 2) and s.out == (1, 5, 4) and len(s.flat()) == 22
    assert s.taps == 9 and s.volume == 72 and s.places == 20
    assert geometry.products(65, 129, 2, 4).grid == (2 * 3 * 2,)
    for itemsize in (2, 4, 8):
        assert max(geometry.shared(itemsize, way) for way in (False, True)) <= 40 * 1024
    # A long sum in few tiles is split, a short one or one in many tiles is not.
    long = geometry.sizes((64, 3, 64, 64), (16, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1)
    assert geometry.splits(long, 4, 132) == 4 * 132
    assert geometry.splits(s, 4, 132) == 1
    many = geometry.sizes((64, 2048, 8, 8), (2048, 2048, 3, 3), (1, 1), (1, 1), (1, 1), 1)
    assert geometry.splits(many, 4, 132) == 1


def test_sizes_beyond_32_bits_are_refused() -> None:
    sizes = geometry.sizes((1, 8, 1 << 15, 1 << 14), (8, 8, 1, 1), (1, 1), (0, 0), (1, 1), 1)
    with pytest.raises(ValueError, match=r"fewer than 2\*\*31"):
        conv._check(sizes)
    conv._check(sizes._replace(size=(1, 8, 8), out=(1, 8, 8)))
