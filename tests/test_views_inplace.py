"""Views share memory, in-place ops write through them, and gradients follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import dlf
from tests.support.oracle import assert_same, assert_same_gradients, pair

VIEWS: dict[str, Callable[[Any], Any]] = {
    "basic index": lambda x: x[1],
    "slice": lambda x: x[:, 1:3],
    "step": lambda x: x[::2, ::3],
    "None": lambda x: x[None, ..., None],
    "view": lambda x: x.view(2, 6),
    "reshape": lambda x: x.reshape(-1),
    "transpose": lambda x: x.t(),
    "T": lambda x: x.T,
    "permute": lambda x: x.permute(1, 0),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "squeeze": lambda x: x[:1].squeeze(0),
    "narrow": lambda x: x.narrow(1, 1, 2),
    "select": lambda x: x.select(0, 2),
    "unbind": lambda x: x.unbind(1)[2],
    "split": lambda x: x.split(2, 1)[1],
    "chunk": lambda x: x.chunk(2, 1)[0],
    "diagonal": lambda x: x.diagonal(),
    "flatten": lambda x: x.flatten(),
    "view of view": lambda x: x[1:].t()[0:2],
    "expand_as": lambda x: x.view_as(x),
    "detach": lambda x: x.detach(),
    "unflatten": lambda x: x.unflatten(1, (2, 2)),
    "movedim": lambda x: x.movedim(0, 1),
    "contiguous of contiguous": lambda x: x.contiguous(),
}
# PyTorch refuses to write with grad to one of several views that one op made.
WRITABLE = [name for name in VIEWS if name not in ("detach", "unbind", "split", "chunk")]
COPIES: dict[str, Callable[[Any], Any]] = {
    "clone": lambda x: x.clone(),
    "advanced index": lambda x: x[[0, 1]],
    "mask": lambda x: x[x > 3],
    "flip": lambda x: x.flip(0),
    "roll": lambda x: x.roll(1, 0),
    "repeat": lambda x: x.repeat(1, 1),
    "arithmetic": lambda x: x + 0,
    "contiguous of transposed": lambda x: x.t().contiguous(),
    "reshape of transposed": lambda x: x.t().reshape(-1),
}
WRITES: dict[str, Callable[[Any], Any]] = {
    "add_": lambda v: v.add_(1.5),
    "+=": lambda v: v.__iadd__(1.5),
    "mul_": lambda v: v.mul_(2.0),
    "div_": lambda v: v.div_(2.0),
    "sub_ itself": lambda v: v.sub_(v * 0.5),
    "zero_": lambda v: v.zero_(),
    "fill_": lambda v: v.fill_(3.0),
    "copy_": lambda v: v.copy_(v * 2),
    "exp_": lambda v: v.exp_(),
    "clamp_": lambda v: v.clamp_(0.2, 0.8),
    "masked_fill_": lambda v: v.masked_fill_(v > 0.5, 0.25),
    "setitem": lambda v: v.__setitem__(0, 5.0),
    "sigmoid_": lambda v: v.sigmoid_(),
    "pow_": lambda v: v.pow_(2),
}


def array() -> np.ndarray:
    return np.arange(12, dtype=np.float64).reshape(3, 4) / 12 + 0.03


@pytest.mark.parametrize("name", VIEWS)
def test_a_write_to_a_view_shows_in_the_base_and_back(name: str) -> None:
    ours, theirs = pair(array())
    views = VIEWS[name](ours), VIEWS[name](theirs)
    for v in views:
        v.mul_(3).add_(1)
    assert_same(ours, theirs)
    for base in (ours, theirs):
        base.sub_(0.5)
    assert_same(*views)


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_has_its_own_memory(name: str) -> None:
    ours, theirs = pair(array())
    for base in (ours, theirs):
        COPIES[name](base).fill_(9.0)
    assert_same(ours, theirs)
    np.testing.assert_array_equal(ours.numpy(), array())


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("view", WRITABLE)
def test_gradient_through_a_write_to_a_view(view: str, write: str) -> None:
    def call(lib: Any, x: Any) -> Any:
        y = x * 2
        WRITES[write](VIEWS[view](y))
        return y * y

    assert_same_gradients(call, [array()])


@pytest.mark.parametrize("view", WRITABLE)
def test_gradient_of_a_view_made_before_the_write(view: str) -> None:
    def call(lib: Any, x: Any) -> Any:
        y = x * 2
        v = VIEWS[view](y)
        y.mul_(3)
        v.add_(1)
        y[0] = y[0] * 5
        return [v * v, y * 2]

    assert_same_gradients(call, [array()])


def test_gradient_of_what_is_written() -> None:
    def call(lib: Any, x: Any, v: Any) -> Any:
        y = x.clone()
        y[0].copy_(v)
        y[:, 1] = v[:3] * 2
        y[1].add_(v * v)
        return y * y

    assert_same_gradients(call, [array(), np.linspace(0.1, 0.9, 4)])


def test_writing_a_differentiable_value_into_a_plain_tensor() -> None:
    def call(lib: Any, v: Any) -> Any:
        buffer = lib.zeros(3, 4, dtype=lib.float64)
        row = buffer[1]
        row.copy_(v)
        buffer[0, :2] = v[:2] * 3
        assert buffer.requires_grad
        return [buffer * buffer, row * 2]

    assert_same_gradients(call, [np.linspace(0.1, 0.9, 4)])


@pytest.mark.parametrize("lib", [dlf, torch], ids=["dlf", "torch"])
class TestRules:
    """The same in both libraries, which is how the rules themselves are known to be PyTorch's."""

    def test_saved_values_are_guarded(self, lib: Any) -> None:
        x = lib.ones(3, requires_grad=True)
        y = x * 2
        z = y * y
        y.add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            z.sum().backward()

    def test_a_write_through_a_view_is_seen(self, lib: Any) -> None:
        x = lib.ones(3, requires_grad=True)
        y = x * 2
        z = y * y
        y[0].add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            z.sum().backward()

    def test_a_write_through_a_detached_alias_is_seen(self, lib: Any) -> None:
        x = lib.ones(3, requires_grad=True)
        y = x * 2
        z = y * y
        y.detach().zero_()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            z.sum().backward()

    def test_saved_outputs_are_guarded(self, lib: Any) -> None:
        x = lib.ones(3, requires_grad=True)
        y = x.exp()
        y.mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()

    def test_an_overwritten_leaf_is_seen(self, lib: Any) -> None:
        w = lib.ones(3, requires_grad=True)
        y = w * w
        with lib.no_grad():
            w.add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()

    def test_what_no_gradient_needs_may_be_overwritten(self, lib: Any) -> None:
        x = lib.ones(3, requires_grad=True)
        y = x * 2
        z = y + 1
        y.zero_()
        z.sum().backward()
        assert x.grad.tolist() == [2.0, 2.0, 2.0]

    def test_leaves_are_protected(self, lib: Any) -> None:
        x = lib.ones(3, requires_grad=True)
        with pytest.raises(RuntimeError, match="leaf"):
            x.add_(1)
        with pytest.raises(RuntimeError, match="leaf"):
            x[0].add_(1)
        with pytest.raises(RuntimeError, match="leaf"):
            x[0] = 2.0
        with lib.no_grad():
            x.add_(1)
            x[0] = 5.0
        assert x.tolist() == [5.0, 2.0, 2.0]
        assert x.requires_grad
        assert x.is_leaf

    def test_expanded_memory_is_not_written(self, lib: Any) -> None:
        x = lib.ones(1, 3).expand(2, 3)
        with pytest.raises(RuntimeError):
            x.add_(1)

    def test_in_place_results_are_the_tensor_itself(self, lib: Any) -> None:
        x = lib.ones(2)
        assert x.add_(1) is x
        before = x
        x += 1
        assert x is before
        assert x[0].mul_(2) is not x

    def test_numpy_shares_memory(self, lib: Any) -> None:
        host = np.zeros(3)
        x = lib.from_numpy(host)
        x.add_(1)
        assert host.tolist() == [1, 1, 1]
        host[0] = 7
        assert x[0].item() == 7
        x.numpy()[1] = 8
        assert x[1].item() == 8

    def test_as_an_output_of_itself(self, lib: Any) -> None:
        x = lib.arange(5.0)
        x[1:] = x[:-1].clone()
        assert x.tolist() == [0, 0, 1, 2, 3]

    def test_overlapping_copy(self, lib: Any) -> None:
        x = lib.arange(6.0).reshape(2, 3)
        x.copy_(x.flip(1))
        assert x.tolist() == [[2, 1, 0], [5, 4, 3]]

    def test_shapes_do_not_grow(self, lib: Any) -> None:
        with pytest.raises(RuntimeError):
            lib.ones(3).add_(lib.ones(2, 3))

    def test_dtype_stays(self, lib: Any) -> None:
        with pytest.raises(RuntimeError):
            lib.ones(3, dtype=lib.int32).add_(0.5)
        assert lib.ones(3, dtype=lib.int32).add_(lib.ones(3, dtype=lib.int64)).dtype is lib.int32

    def test_one_of_several_views_is_not_written(self, lib: Any) -> None:
        x = lib.ones(2, 4, requires_grad=True) * 2
        for views in (x.unbind(0), x.split(2, 1), x.chunk(2, 1)):
            with pytest.raises(RuntimeError):
                views[1].add_(1)

    def test_requires_grad_of_a_view_follows_the_base(self, lib: Any) -> None:
        base = lib.zeros(2, 2)
        view = base[0]
        base.copy_(lib.ones(2, 2, requires_grad=True) * 3)
        assert view.requires_grad
        view.sum().backward()
