"""gradcheck and gradgradcheck find right gradients right and planted faults wrong."""

from __future__ import annotations

from typing import Any

import pytest

import dlf
from dlf.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck


def wrong(kind: str) -> Any:
    """x * x with a fault in its gradient."""

    class Square(dlf.autograd.Function):
        calls = 0

        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            Square.calls += 1
            if kind == "drifting":
                return g * x * (2 + 1e-7 * Square.calls)
            if kind == "second":
                return g * 2 * x.detach()
            return g * x * {"right": 2.0, "factor": 2.01, "sign": -2.0}[kind]

    return Square.apply


def leaf(*shape: int) -> Any:
    return dlf.linspace(0.3, 1.7, max(1, dlf.Size(shape).numel()), dtype=dlf.float64).reshape(
        shape
    ).requires_grad_()  # fmt: skip


@pytest.mark.parametrize("fast_mode", [False, True])
def test_accepts_right_gradients(fast_mode: bool) -> None:
    x, y = leaf(2, 3), leaf(3)
    assert gradcheck(lambda a, b: (a * b).exp(), (x, y), fast_mode=fast_mode)
    assert gradcheck(lambda a, b: (a.sum(1), b * 2, a.argmax()), (x, y), fast_mode=fast_mode)
    assert gradgradcheck(lambda a, b: (a * b).exp(), (x, y), fast_mode=fast_mode)
    assert gradcheck(wrong("right"), x, fast_mode=fast_mode)
    assert gradcheck(lambda a: a.sum(), leaf(), fast_mode=fast_mode)


@pytest.mark.parametrize("fast_mode", [False, True])
@pytest.mark.parametrize("kind", ["factor", "sign"])
def test_finds_wrong_gradients(kind: str, fast_mode: bool) -> None:
    with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0"):
        gradcheck(wrong(kind), leaf(4), fast_mode=fast_mode)
    assert not gradcheck(wrong(kind), leaf(4), raise_exception=False, fast_mode=fast_mode)


def test_finds_a_wrong_second_derivative() -> None:
    assert gradcheck(wrong("second"), leaf(3))
    assert not gradgradcheck(wrong("second"), leaf(3), raise_exception=False)


def test_finds_gradients_that_drift() -> None:
    with pytest.raises(GradcheckError, match="not reproducible"):
        gradcheck(wrong("drifting"), leaf(3))
    assert gradcheck(wrong("drifting"), leaf(3), nondet_tol=1e-5)


def test_finds_a_cut_graph() -> None:
    with pytest.raises(GradcheckError, match="mismatch"):
        gradcheck(lambda a: (a * 2).detach(), leaf(3))
    with pytest.raises(GradcheckError, match="mismatch"):
        gradcheck(lambda a: a * a.detach(), leaf(3))
    assert gradcheck(lambda a: dlf.ones(3, dtype=dlf.float64), leaf(3))


def test_leaves_inputs_as_they_were() -> None:
    x = leaf(3)
    before = x.tolist()
    gradcheck(lambda a: a * a, x)
    assert x.tolist() == before
    assert x.grad is None


def test_sees_tensors_that_the_function_holds() -> None:
    x, w = leaf(3), leaf(3)
    assert gradcheck(lambda a, _: a * w, (x, w))


def test_checks_only_what_requires_grad() -> None:
    x, index = leaf(3), dlf.tensor([2, 0])
    assert gradcheck(lambda a, i: a[i] * 3, (x, index))
    with pytest.raises(ValueError, match="require"):
        gradcheck(lambda a: a * 2, dlf.ones(2, dtype=dlf.float64))


def test_warns_about_low_precision() -> None:
    x = dlf.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="float32"):
        gradcheck(lambda a: a * 2, x, eps=1e-2, atol=1e-2)


def test_given_weights_and_strided_ones() -> None:
    x = leaf(2, 2)
    weight = dlf.ones(2, 2, dtype=dlf.float64).requires_grad_()
    assert gradgradcheck(lambda a: a**3, x, weight)
    assert gradgradcheck(lambda a: a**3, x, gen_non_contig_grad_outputs=True)
