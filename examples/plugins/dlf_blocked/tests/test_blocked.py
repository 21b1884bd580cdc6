"""Each kernel gives what the op's decomposition gives, in every dtype, shape and special case."""

import numpy as np
import pytest
from dlf_blocked.kernels import BLOCK, KERNELS

import dlf
import dlf.nn  # declares its ops
from dlf.autograd import gradcheck
from dlf.plugin import get_host
from dlf.registry import registry

ATTRIBUTES = {"softplus": [(1.0, 20.0), (3.0, 2.0)], "elu": [(1.0, 1.0, 1.0), (0.5, 2.0, 3.0)]}
CASES = [(name, attributes) for name in KERNELS for attributes in ATTRIBUTES.get(name, [()])]
TOLERANCE = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 2e-6, "float64": 1e-14}
SPECIAL = [float("nan"), float("inf"), float("-inf"), 0.0, 1e4, -1e4, 1e-7, -1e-7]


def run(name, x, *attributes):
    return dlf.from_numpy(KERNELS[name](x.numpy(), *attributes))


def same(got, expected, dtype):
    """Equal as far as `dtype` goes, NaN where NaN is expected."""
    assert got.dtype is dtype
    expected = expected.to(dtype).double().numpy()
    limit = TOLERANCE[dtype.name]
    np.testing.assert_allclose(got.double().numpy(), expected, rtol=limit, atol=limit)


def test_is_in_use():
    mine = next(overlay for overlay in get_host().overlays("cpu") if overlay.name == "blocked")
    assert set(mine.kernels) == set(KERNELS)


@pytest.mark.parametrize(("name", "attributes"), CASES)
@pytest.mark.parametrize("dtype", [dlf.float16, dlf.bfloat16, dlf.float32, dlf.float64])
def test_agrees_with_the_decomposition(name, attributes, dtype):
    x = dlf.linspace(-30, 30, 2 * BLOCK + 17).to(dtype)
    same(run(name, x, *attributes), registry[name].decompose(x.double(), *attributes), dtype)


@pytest.mark.parametrize(("name", "attributes"), CASES)
def test_special_values(name, attributes):
    x = dlf.tensor(SPECIAL)
    with np.errstate(all="ignore"):
        same(run(name, x, *attributes), registry[name].decompose(x, *attributes), dlf.float32)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (5, 7)])
def test_shapes_and_untouched_input(name, shape):
    attributes = ATTRIBUTES.get(name, [()])[0]
    a = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    kept = a.copy()
    got = KERNELS[name](a, *attributes)
    assert isinstance(got, np.ndarray)
    assert got.shape == shape
    assert not np.shares_memory(got, a)
    assert np.array_equal(a, kept)
    turned = KERNELS[name](a.T, *attributes)
    assert np.array_equal(turned, got.T)


def test_gradients_flow():
    x = dlf.linspace(-4, 4, 9, dtype=dlf.float64, requires_grad=True)
    for function in (dlf.nn.functional.mish, dlf.nn.functional.softplus):
        assert gradcheck(function, (x,))
