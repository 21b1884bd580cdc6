"""Each kernel gives what the op's decomposition gives."""

import pytest
from dlf_my_thing.kernels import KERNELS

import dlf
import dlf.nn  # declares its ops
from dlf.plugin import get_host
from dlf.registry import registry


def test_is_in_use():
    assert "my_thing" in [overlay.name for overlay in get_host().overlays("cpu")]


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("dtype", [dlf.float16, dlf.float32, dlf.float64])
def test_agrees_with_the_decomposition(name, dtype):
    x = dlf.linspace(-5, 5, 101, dtype=dlf.float64)
    got = dlf.from_numpy(KERNELS[name](x.to(dtype).numpy()))
    assert got.dtype is dtype
    expected = registry[name].decompose(x)
    assert dlf.allclose(got.double(), expected, rtol=0, atol=4 * dlf.finfo(dtype).eps)
