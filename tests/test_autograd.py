"""The engine: accumulation, partial graphs, hooks, modes, deep graphs, second derivatives."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest
import torch

import dlf
from tests.support.oracle import assert_same, pair

both_libraries = pytest.mark.parametrize("lib", [dlf, torch], ids=["dlf", "torch"])


@both_libraries
class TestBackward:
    def test_accumulates(self, lib: Any) -> None:
        x = lib.ones(2, requires_grad=True)
        for _ in range(3):
            (x * 2).sum().backward()
        assert x.grad.tolist() == [6.0, 6.0]
        x.grad = None
        (x * 2).sum().backward()
        assert x.grad.tolist() == [2.0, 2.0]

    def test_diamond(self, lib: Any) -> None:
        x = lib.tensor(3.0, requires_grad=True)
        y = x * x
        (y * y + y).backward()
        assert x.grad.item() == 4 * 27 + 6

    def test_a_tensor_used_twice_in_one_op(self, lib: Any) -> None:
        x = lib.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        (x @ x).sum().backward()
        assert x.grad.tolist() == [[7.0, 11.0], [9.0, 13.0]]

    def test_weights(self, lib: Any) -> None:
        x = lib.ones(2, requires_grad=True)
        (x * 3).backward(lib.tensor([1.0, 2.0]))
        assert x.grad.tolist() == [3.0, 6.0]
        with pytest.raises(RuntimeError):
            (x * 3).backward(lib.ones(3))
        with pytest.raises(RuntimeError):
            (x * 3).backward()

    def test_several_roots(self, lib: Any) -> None:
        x = lib.ones(2, requires_grad=True)
        y = x * 2
        lib.autograd.backward([y.sum(), (y * y).sum()])
        assert x.grad.tolist() == [10.0, 10.0]

    def test_frees_the_graph_once(self, lib: Any) -> None:
        x = lib.ones(2, requires_grad=True)
        y = (x * x).sum()
        y.backward(retain_graph=True)
        y.backward()
        assert x.grad.tolist() == [4.0, 4.0]
        with pytest.raises(RuntimeError, match="second time"):
            y.backward()

    def test_only_the_named_inputs(self, lib: Any) -> None:
        a, b = lib.ones(2, requires_grad=True), lib.ones(2, requires_grad=True)
        (a * b).sum().backward(inputs=[a])
        assert a.grad is not None
        assert b.grad is None

    def test_leaves_and_intermediates(self, lib: Any) -> None:
        x = lib.ones(2, requires_grad=True)
        y = x * 2
        assert x.is_leaf
        assert not y.is_leaf
        assert lib.ones(2).is_leaf
        assert x.grad_fn is None
        assert y.grad_fn is not None
        assert x.grad is None

    def test_retain_grad(self, lib: Any) -> None:
        x = lib.ones(2, requires_grad=True)
        y = x * 2
        y.retain_grad()
        (y * y).sum().backward()
        assert y.grad.tolist() == [4.0, 4.0]
        assert y.retains_grad

    def test_broadcast_gradients_are_summed(self, lib: Any) -> None:
        a = lib.ones(3, 1, requires_grad=True)
        b = lib.ones(4, requires_grad=True)
        c = lib.tensor(2.0, requires_grad=True)
        (a * b * c).sum().backward()
        assert a.grad.tolist() == [[8.0]] * 3
        assert b.grad.tolist() == [6.0] * 4
        assert c.grad.item() == 12

    def test_gradients_have_the_dtype_of_their_tensor(self, lib: Any) -> None:
        a = lib.ones(2, dtype=lib.float32, requires_grad=True)
        b = lib.ones(2, dtype=lib.float64, requires_grad=True)
        (a * b).sum().backward()
        assert a.grad.dtype is lib.float32
        assert b.grad.dtype is lib.float64

    def test_a_chain_of_100_000(self, lib: Any) -> None:
        x = lib.ones((), requires_grad=True)
        y = x
        for _ in range(100_000):
            y = y + 1
        y.backward()
        assert x.grad.item() == 1
        del y

    def test_grad_is_settable(self, lib: Any) -> None:
        x = lib.ones(2, requires_grad=True)
        x.grad = lib.ones(2)
        (x * 2).sum().backward()
        assert x.grad.tolist() == [3.0, 3.0]
        with pytest.raises((RuntimeError, TypeError)):
            x.grad = lib.ones(3)
        with pytest.raises((RuntimeError, TypeError)):
            x.grad = 3

    def test_gradients_do_not_alias(self, lib: Any) -> None:
        a, b = lib.ones(2, requires_grad=True), lib.ones(2, requires_grad=True)
        (a + b).sum().backward()
        a.grad.mul_(5)
        assert b.grad.tolist() == [1.0, 1.0]
        weight = lib.ones(2)
        c = lib.ones(2, requires_grad=True)
        (c + 0).backward(weight)
        c.grad.mul_(5)
        assert weight.tolist() == [1.0, 1.0]

    def test_the_caller_may_write_the_weight_later(self, lib: Any) -> None:
        weight = lib.ones(2)
        c = lib.ones(2, requires_grad=True)
        c.backward(weight)
        weight.zero_()
        assert c.grad.tolist() == [1.0, 1.0]


@both_libraries
class TestGrad:
    def test_returns_and_leaves_grad_alone(self, lib: Any) -> None:
        x = lib.tensor([1.0, 2.0], requires_grad=True)
        (g,) = lib.autograd.grad((x * x).sum(), x)
        assert g.tolist() == [2.0, 4.0]
        assert x.grad is None

    def test_of_intermediates(self, lib: Any) -> None:
        x = lib.tensor([1.0, 2.0], requires_grad=True)
        y = x * 3
        gy, gx = lib.autograd.grad((y * y).sum(), [y, x])
        assert gy.tolist() == [6.0, 12.0]
        assert gx.tolist() == [18.0, 36.0]

    def test_unused(self, lib: Any) -> None:
        x, y = lib.ones(2, requires_grad=True), lib.ones(3, requires_grad=True)
        with pytest.raises(RuntimeError, match="allow_unused"):
            lib.autograd.grad(x.sum(), [x, y])
        assert lib.autograd.grad(x.sum(), [x, y], allow_unused=True)[1] is None
        zeros = lib.autograd.grad(x.sum(), [x, y], materialize_grads=True)[1]
        assert zeros.tolist() == [0.0, 0.0, 0.0]

    def test_needs_requires_grad(self, lib: Any) -> None:
        with pytest.raises(RuntimeError):
            lib.autograd.grad(lib.ones(()), lib.ones(()))
        x = lib.ones((), requires_grad=True)
        with pytest.raises(RuntimeError):
            lib.autograd.grad(x * 2, lib.ones(()))

    def test_third_derivative(self, lib: Any) -> None:
        x = lib.tensor(2.0, dtype=lib.float64, requires_grad=True)
        y = x**4
        for expected in (32.0, 48.0, 48.0):
            (y,) = lib.autograd.grad(y, x, create_graph=True)
            assert abs(y.item() - expected) < 1e-9

    def test_create_graph_gives_a_graph_and_otherwise_not(self, lib: Any) -> None:
        x = lib.ones(2, requires_grad=True)
        assert lib.autograd.grad((x * x).sum(), x, create_graph=True)[0].requires_grad
        assert not lib.autograd.grad((x * x).sum(), x)[0].requires_grad


def test_gradient_penalty_values() -> None:
    def penalty(lib: Any, w: Any, x: Any) -> Any:
        (g,) = lib.autograd.grad((x @ w).tanh().exp().sum(), x, create_graph=True)
        return ((g * g).sum() - 1).pow(2)

    w, x = np.array([[0.5, -0.3], [0.2, 0.7]]), np.array([[1.0, 2.0], [0.3, -0.2]])
    ws, xs = pair(w, grad=True), pair(x, grad=True)
    penalty(dlf, ws[0], xs[0]).backward()
    penalty(torch, ws[1], xs[1]).backward()
    assert_same(ws[0].grad, ws[1].grad)
    assert_same(xs[0].grad, xs[1].grad)


@both_libraries
class TestModes:
    def test_no_grad(self, lib: Any) -> None:
        x = lib.ones(2, requires_grad=True)
        with lib.no_grad():
            assert not lib.is_grad_enabled()
            y = x * 2
            with lib.enable_grad():
                assert (x * 2).requires_grad
        assert not y.requires_grad
        assert lib.is_grad_enabled()

    def test_as_decorators(self, lib: Any) -> None:
        x = lib.ones(2, requires_grad=True)

        @lib.no_grad()
        def double(t: Any) -> Any:
            return t * 2

        @lib.no_grad
        def triple(t: Any) -> Any:
            return t * 3

        assert not double(x).requires_grad
        assert not triple(x).requires_grad

    def test_left_on_errors(self, lib: Any) -> None:
        with pytest.raises(ValueError, match="out"), lib.no_grad():
            raise ValueError("out")
        assert lib.is_grad_enabled()

    def test_set_grad_enabled(self, lib: Any) -> None:
        x = lib.ones(2, requires_grad=True)
        with lib.set_grad_enabled(False):
            assert not (x * 2).requires_grad
        assert lib.is_grad_enabled()
        lib.set_grad_enabled(False)
        assert not lib.is_grad_enabled()
        lib.set_grad_enabled(True)

    def test_inference_mode(self, lib: Any) -> None:
        x = lib.ones(2, requires_grad=True)
        with lib.inference_mode():
            assert not (x * 2).requires_grad
            assert lib.is_inference_mode_enabled()

    def test_is_per_thread(self, lib: Any) -> None:
        seen = []
        with lib.no_grad():
            t = threading.Thread(target=lambda: seen.append(lib.is_grad_enabled()))
            t.start()
            t.join()
        assert seen == [True]

    def test_detach(self, lib: Any) -> None:
        x = lib.ones(2, requires_grad=True)
        y = (x * 2).detach()
        assert not y.requires_grad
        assert y.is_leaf
        z = x * 2
        z.detach_()
        assert not z.requires_grad

    def test_requires_grad_is_settable(self, lib: Any) -> None:
        x = lib.ones(2)
        x.requires_grad = True
        assert x.requires_grad
        assert x.requires_grad_(False) is x
        assert not x.requires_grad
        y = lib.ones(2, requires_grad=True) * 2
        with pytest.raises(RuntimeError):
            y.requires_grad = False


@both_libraries
class TestHooks:
    def test_sees_and_changes_gradients(self, lib: Any) -> None:
        x = lib.ones(2, requires_grad=True)
        y = x * 2
        seen: list[Any] = []
        y.register_hook(lambda g: seen.append(g.tolist()))
        handle = x.register_hook(lambda g: g * 10)
        (y * y).sum().backward()
        assert seen == [[4.0, 4.0]]
        assert x.grad.tolist() == [80.0, 80.0]
        handle.remove()
        x.grad = None
        (x * 2).sum().backward()
        assert x.grad.tolist() == [2.0, 2.0]

    def test_after_accumulation(self, lib: Any) -> None:
        x = lib.ones(2, requires_grad=True)
        seen: list[Any] = []
        x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.tolist()))
        (x * 3).sum().backward()
        assert seen == [[3.0, 3.0]]

    def test_needs_requires_grad(self, lib: Any) -> None:
        with pytest.raises(RuntimeError):
            lib.ones(2).register_hook(lambda g: g)


@both_libraries
class TestFunction:
    def test_forward_and_backward(self, lib: Any) -> None:
        class Cube(lib.autograd.Function):  # type: ignore[misc,name-defined]  # of either library
            @staticmethod
            def forward(ctx: Any, x: Any, scale: float) -> Any:
                ctx.save_for_backward(x)
                ctx.scale = scale
                return x**3 * scale

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                (x,) = ctx.saved_tensors
                return g * 3 * x * x * ctx.scale, None

        x = lib.tensor([1.0, 2.0], requires_grad=True)
        y = Cube.apply(x, 2.0)
        assert y.tolist() == [2.0, 16.0]
        (g,) = lib.autograd.grad(y.sum(), x, create_graph=True)
        assert g.tolist() == [6.0, 24.0]
        g.sum().backward()
        assert x.grad.tolist() == [12.0, 24.0]

    def test_several_inputs_and_outputs(self, lib: Any) -> None:
        class Both(lib.autograd.Function):  # type: ignore[misc,name-defined]  # of either library
            @staticmethod
            def forward(ctx: Any, a: Any, b: Any) -> Any:
                ctx.save_for_backward(a, b)
                return a * b, a + b

            @staticmethod
            def backward(ctx: Any, g: Any, h: Any) -> Any:
                b = ctx.saved_tensors[1]
                assert ctx.needs_input_grad == (True, False)
                return g * b + h, None

        a, b = lib.tensor([2.0], requires_grad=True), lib.tensor([3.0])
        product, total = Both.apply(a, b)
        (product * 2 + total).sum().backward()
        assert a.grad.tolist() == [7.0]

    def test_non_differentiable_output(self, lib: Any) -> None:
        class Top(lib.autograd.Function):  # type: ignore[misc,name-defined]  # of either library
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                top = x.argmax()
                ctx.mark_non_differentiable(top)
                return x * 2, top

            @staticmethod
            def backward(ctx: Any, g: Any, _: Any) -> Any:
                return g * 2

        x = lib.tensor([1.0, 5.0], requires_grad=True)
        y, top = Top.apply(x)
        assert top.item() == 1
        assert not top.requires_grad
        y.sum().backward()
        assert x.grad.tolist() == [2.0, 2.0]


def test_a_graph_is_freed_without_the_cycle_collector() -> None:
    gc.disable()
    try:
        x = dlf.ones(3, requires_grad=True)
        y = x * 2
        watched = weakref.ref(y)
        z = (y * y).sum()
        z.backward()
        del y, z
        assert watched() is None
    finally:
        gc.enable()


def test_what_a_gradient_does_not_need_is_not_kept() -> None:
    x = dlf.ones(3, requires_grad=True)
    y = x * 2
    watched = weakref.ref(y._data)
    z = y + 1
    del y
    assert watched() is None
    z.sum().backward()


def test_threads_have_their_own_backward() -> None:
    grads: list[Any] = []

    def work(k: int) -> None:
        x = dlf.ones(50, requires_grad=True)
        for _ in range(20):
            (x * k).sum().backward()
        grads.append((k, x.grad.numpy()[0]))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(grads) == [(k, 20.0 * k) for k in range(1, 5)]


def test_anomaly_mode_names_the_forward_line() -> None:
    x = dlf.tensor([0.0], requires_grad=True)
    with dlf.autograd.detect_anomaly():
        y = (x.sqrt() * 0).sum()
        with pytest.raises(RuntimeError, match="nan"):
            y.backward()
