"""Values, first and second derivative."""

from dlf_my_thing.ops import my_thing

import dlf
from dlf.autograd import gradcheck, gradgradcheck
from dlf.registry import registry


def test_is_registered():
    assert "my_thing" in registry


def test_values():
    # Write here: values that you know from elsewhere.
    assert my_thing(dlf.tensor([-2.0, 0.0, 3.0])).tolist() == [-8.0, 0.0, 27.0]


def test_derivatives():
    x = dlf.linspace(-2, 2, 9, dtype=dlf.float64, requires_grad=True)
    assert gradcheck(my_thing, (x,))
    assert gradgradcheck(my_thing, (x,))
