"""Each optimizer against PyTorch's, over many steps, on kernels and on the decomposition."""

from __future__ import annotations

import copy
import io
from typing import Any

import numpy as np
import pytest
import torch

import dlf
from dlf.ops import step as step_ops

SHAPES = [(3, 4), (5,), (), (2, 3, 2), (0, 3)]

# Optimizer, its options; both sides get the same.
CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "maximize": True, "weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": (0.5, 0.9), "eps": 1e-3}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1, "amsgrad": True}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1, "maximize": True}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.3, "amsgrad": True, "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.05, "alpha": 0.9, "weight_decay": 0.1, "maximize": True}),
    ("RMSprop", {"lr": 0.05, "momentum": 0.7}),
    ("RMSprop", {"lr": 0.05, "centered": True, "momentum": 0.7, "weight_decay": 0.1}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3, "maximize": True}),
]
IDS = [f"{name}-{'-'.join(map(str, options)) or 'default'}" for name, options in CASES]
STEPS = [step_ops.sgd_step, step_ops.adam_step, step_ops.rmsprop_step, step_ops.adagrad_step]
DTYPES = {"float32": 2e-5, "float64": 1e-12}


def both(
    name: str, options: dict[str, Any], dtype: str = "float64", shapes: Any = SHAPES
) -> tuple[Any, list[Any], Any, list[Any]]:
    """(dlf optimizer, its parameters, torch optimizer, its parameters), of equal values."""
    rng = np.random.default_rng(0)
    arrays = [np.asarray(rng.standard_normal(s)).astype(dtype) for s in shapes]
    ours = [dlf.tensor(a.tolist(), dtype=getattr(dlf, dtype)).reshape(a.shape) for a in arrays]
    ours = [p.detach().requires_grad_() for p in ours]
    theirs = [torch.tensor(a).requires_grad_() for a in arrays]
    return (
        getattr(dlf.optim, name)(ours, **options),
        ours,
        getattr(torch.optim, name)(theirs, **options),
        theirs,
    )


def set_grads(ours: list[Any], theirs: list[Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    for p, q in zip(ours, theirs, strict=True):
        g = np.asarray(rng.standard_normal(tuple(q.shape))).astype(p.dtype.numpy)
        p.grad = dlf.from_numpy(g)
        q.grad = torch.from_numpy(g.copy())


def assert_same(ours: list[Any], theirs: list[Any], tolerance: float) -> None:
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(
            p.detach().numpy(), q.detach().numpy(), rtol=tolerance, atol=tolerance
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_twenty_steps(name: str, options: dict[str, Any], dtype: str) -> None:
    optimizer, ours, oracle, theirs = both(name, options, dtype)
    for seed in range(20):
        set_grads(ours, theirs, seed)
        optimizer.step()
        oracle.step()
    assert_same(ours, theirs, DTYPES[dtype])


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_decomposition(name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    dlf.ones(1)
    table = list(dlf.device("cpu").table)
    for op in STEPS:
        table[op.op.slot] = None  # type: ignore[call-overload]  # None: run the decomposition
    monkeypatch.setattr(dlf.device("cpu"), "table", table)
    optimizer, ours, oracle, theirs = both(name, options)
    for seed in range(20):
        set_grads(ours, theirs, seed)
        optimizer.step()
        oracle.step()
    assert_same(ours, theirs, 1e-12)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_defaults_and_repr(name: str) -> None:
    optimizer, _, oracle, _ = both(name, {})
    assert optimizer.defaults == oracle.defaults
    assert repr(optimizer) == repr(oracle)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_large_transposed_and_gapped(name: str) -> None:
    """Parameters beyond one chunk, column-major, and with gaps in memory."""
    rng = np.random.default_rng(1)
    a = rng.standard_normal((300, 401))
    options = {"lr": 0.1} | ({"momentum": 0.9} if name == "SGD" else {})
    base = dlf.from_numpy(a.copy())
    ours = [
        dlf.from_numpy(a.copy()).requires_grad_(),
        dlf.from_numpy(a.copy()).t().requires_grad_(),
        base[:, ::3].detach().requires_grad_(),
    ]
    theirs = [torch.tensor(p.detach().numpy().copy()).requires_grad_() for p in ours]
    optimizer = getattr(dlf.optim, name)(ours, **options)
    oracle = getattr(torch.optim, name)(theirs, **options)
    for seed in range(3):
        set_grads(ours, theirs, seed)
        optimizer.step()
        oracle.step()
    assert_same(ours, theirs, 1e-12)
    np.testing.assert_array_equal(base.numpy()[:, ::3], ours[2].detach().numpy())
    np.testing.assert_array_equal(base.numpy()[:, 1::3], a[:, 1::3])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_low_precision(dtype: str) -> None:
    p = dlf.tensor([1.0, -2.0, 3.0], dtype=getattr(dlf, dtype), requires_grad=True)
    p.grad = dlf.tensor([0.5, 0.5, -0.5], dtype=getattr(dlf, dtype))
    dlf.optim.Adam([p], lr=0.125).step()
    assert p.dtype is getattr(dlf, dtype)
    np.testing.assert_allclose(p.detach().tolist(), [0.875, -2.125, 3.125], rtol=1e-2)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad"])
def test_state_dict_continues(name: str) -> None:
    """A run broken off, saved and taken up again ends where an unbroken one does."""
    options = {"lr": 0.1} | ({"momentum": 0.9} if name == "SGD" else {})
    optimizer, ours, oracle, theirs = both(name, options)
    for seed in range(5):
        set_grads(ours, theirs, seed)
        optimizer.step()
        oracle.step()
    file = io.BytesIO()
    dlf.save(optimizer.state_dict(), file)
    file.seek(0)
    resumed = getattr(dlf.optim, name)(ours)
    resumed.load_state_dict(dlf.load(file))
    assert resumed.param_groups[0]["lr"] == 0.1
    for seed in range(5, 10):
        set_grads(ours, theirs, seed)
        resumed.step()
        oracle.step()
    assert_same(ours, theirs, 1e-12)


def test_state_dict_has_pytorchs_layout() -> None:
    optimizer, ours, oracle, theirs = both("Adam", {"amsgrad": True})
    set_grads(ours, theirs, 0)
    optimizer.step()
    oracle.step()
    mine, other = optimizer.state_dict(), oracle.state_dict()
    assert mine["param_groups"] == other["param_groups"]
    assert {k: set(v) for k, v in mine["state"].items()} == {
        k: set(v) for k, v in other["state"].items()
    }


def test_loaded_state_is_a_copy() -> None:
    optimizer, ours, _, theirs = both("Adam", {})
    set_grads(ours, theirs, 0)
    optimizer.step()
    saved = optimizer.state_dict()
    before = saved["state"][0]["exp_avg"].numpy().copy()
    other = dlf.optim.Adam(ours)
    other.load_state_dict(saved)
    other.step()
    np.testing.assert_array_equal(saved["state"][0]["exp_avg"].numpy(), before)


def test_load_refuses_other_groups() -> None:
    optimizer, *_ = both("SGD", {})
    with pytest.raises(ValueError, match="different number of parameter groups"):
        optimizer.load_state_dict({"state": {}, "param_groups": []})
    with pytest.raises(ValueError, match="doesn't match the size"):
        optimizer.load_state_dict({"state": {}, "param_groups": [{"params": [0]}]})


def test_groups_have_own_options() -> None:
    a, b = (dlf.ones(2, requires_grad=True) for _ in range(2))
    optimizer = dlf.optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1)
    a.grad, b.grad = dlf.ones(2), dlf.ones(2)
    optimizer.step()
    np.testing.assert_allclose(a.tolist(), [0.9, 0.9])
    np.testing.assert_allclose(b.tolist(), [0.5, 0.5])


def test_parameters_without_gradient_stay() -> None:
    a, b = (dlf.ones(2, requires_grad=True) for _ in range(2))
    optimizer = dlf.optim.Adam([a, b])
    a.grad = dlf.ones(2)
    optimizer.step()
    assert b.tolist() == [1.0, 1.0]
    assert b not in optimizer.state
    b.grad = dlf.ones(2)
    optimizer.step()
    assert (optimizer.state[a]["step"], optimizer.state[b]["step"]) == (2, 1)


def test_tensor_learning_rate() -> None:
    a = dlf.ones(2, requires_grad=True)
    a.grad = dlf.ones(2)
    dlf.optim.SGD([a], lr=dlf.tensor(0.5)).step()
    assert a.tolist() == [0.5, 0.5]


def test_zero_grad() -> None:
    a = dlf.ones(2, requires_grad=True)
    optimizer = dlf.optim.SGD([a])
    (a * 2).sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert a.grad is not None
    assert a.grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert a.grad is None


def test_closure_runs_with_gradients_on() -> None:
    a = dlf.ones(2, requires_grad=True)
    optimizer = dlf.optim.SGD([a], lr=0.1)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (a * a).sum()
        loss.backward()
        return loss

    with dlf.no_grad():
        loss = optimizer.step(closure)
    assert loss.item() == 2.0
    np.testing.assert_allclose(a.tolist(), [0.8, 0.8], rtol=1e-6)


def test_a_step_is_seen_by_the_version_counter() -> None:
    a = dlf.ones(2, requires_grad=True)
    loss = (a * a).sum()
    optimizer = dlf.optim.SGD([a])
    a.grad = dlf.ones(2)
    optimizer.step()
    with pytest.raises(RuntimeError, match="sgd_step"):
        loss.backward()


def test_step_hooks() -> None:
    a = dlf.ones(2, requires_grad=True)
    optimizer = dlf.optim.AdamW([a])
    seen: list[str] = []
    pre = optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append("pre"))
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("post"))
    optimizer.step()
    pre.remove()
    optimizer.step()
    assert seen == ["pre", "post", "post"]


def test_state_dict_hooks() -> None:
    a = dlf.ones(2, requires_grad=True)
    optimizer = dlf.optim.SGD([a])
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "extra": 1})
    optimizer.register_load_state_dict_pre_hook(lambda o, state: state | {"seen": True})
    state = optimizer.state_dict()
    assert state["extra"] == 1
    optimizer.load_state_dict(state)
    assert "seen" not in state


def test_own_optimizer() -> None:
    class Sign(dlf.optim.Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr})

        def step(self, closure: Any = None) -> Any:
            with dlf.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        p.sub_(p.grad.sign() * group["lr"])

    a = dlf.ones(2, requires_grad=True)
    a.grad = dlf.tensor([2.0, -3.0])
    Sign([a], 0.5).step()
    assert a.tolist() == [0.5, 1.5]


def test_deepcopy() -> None:
    optimizer, ours, _, theirs = both("Adam", {})
    set_grads(ours, theirs, 0)
    optimizer.step()
    twin = copy.deepcopy(optimizer)
    twin.step()
    assert optimizer.state[ours[0]]["step"] == 1


@pytest.mark.skipif(not hasattr(dlf, "view_as_real"), reason="needs complex views")
def test_complex_parameters() -> None:
    z = np.array([1 + 2j, -0.5j])
    ours = dlf.from_numpy(z.copy()).requires_grad_()
    theirs = torch.tensor(z, requires_grad=True)
    optimizer, oracle = dlf.optim.Adam([ours]), torch.optim.Adam([theirs])
    for g in (np.array([1j, 2 - 1j]), np.array([0.3, 0.1j])):
        ours.grad, theirs.grad = dlf.from_numpy(g.copy()), torch.tensor(g)
        optimizer.step()
        oracle.step()
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-12)


W = [("SGD", {"lr": -1.0}), ("SGD", {"momentum": -0.1}), ("SGD", {"weight_decay": -1.0})]
BAD: list[tuple[str, dict[str, Any]]] = [
    *W,
    ("SGD", {"nesterov": True}),
    ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
    ("Adam", {"lr": -1.0}),
    ("Adam", {"eps": -1.0}),
    ("Adam", {"betas": (1.0, 0.9)}),
    ("Adam", {"betas": (0.9, -0.1)}),
    ("Adam", {"weight_decay": -1.0}),
    ("RMSprop", {"alpha": -1.0}),
    ("RMSprop", {"momentum": -1.0}),
    ("Adagrad", {"lr_decay": -1.0}),
    ("Adagrad", {"initial_accumulator_value": -1.0}),
]


@pytest.mark.parametrize(("name", "options"), BAD)
def test_bad_options(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError) as expected:
        getattr(torch.optim, name)([torch.ones(1, requires_grad=True)], **options)
    with pytest.raises(ValueError) as given:
        getattr(dlf.optim, name)([dlf.ones(1, requires_grad=True)], **options)
    assert str(given.value) == str(expected.value)


def test_bad_parameters() -> None:
    a = dlf.ones(1, requires_grad=True)
    with pytest.raises(ValueError, match="empty parameter list"):
        dlf.optim.SGD([])
    with pytest.raises(TypeError, match="iterable of Tensors or dicts"):
        dlf.optim.SGD(a)
    with pytest.raises(TypeError, match="only optimize Tensors"):
        dlf.optim.SGD([1.0])  # type: ignore[list-item]  # what is tested
    with pytest.raises(ValueError, match="non-leaf"):
        dlf.optim.SGD([a * 2])
    with pytest.raises(ValueError, match="more than one parameter group"):
        dlf.optim.SGD([{"params": [a]}, {"params": [a]}])
    with pytest.raises(TypeError, match="in a set, whose order"):
        dlf.optim.SGD([{"params": {a}}])
    with pytest.warns(UserWarning, match="duplicate"):
        dlf.optim.SGD([a, a])


def test_named_parameters() -> None:
    a, b = (dlf.ones(1, requires_grad=True) for _ in range(2))
    optimizer = dlf.optim.SGD([("a", a), ("b", b)])
    assert optimizer.param_groups[0]["param_names"] == ["a", "b"]
    assert optimizer.param_groups[0]["params"][1] is b
    with pytest.raises(ValueError, match="with/without names"):
        optimizer.add_param_group({"params": [dlf.ones(1, requires_grad=True)]})


def test_registered_with_the_host() -> None:
    from dlf.optim.plugin import dlf_optimizers

    for target in dlf_optimizers().values():
        module, name = target.split(":")
        assert getattr(dlf.optim, name).__module__ == module
