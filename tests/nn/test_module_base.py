"""Module itself: registration, listing, state dicts, hooks, conversions, containers."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import dlf
from dlf import nn

LIBRARIES = (dlf, torch)


def net(library: Any) -> Any:
    """A model with every kind of member, and a parameter that stands under two names."""
    nn = library.nn

    class Net(nn.Module):  # type: ignore[misc, name-defined]  # a base from either library
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU())
            self.head = nn.Linear(4, 2, bias=False)
            self.scale = nn.Parameter(library.ones(2))
            self.alias = self.scale
            self.register_buffer("seen", library.zeros(1))
            self.register_buffer("scratch", library.zeros(2), persistent=False)
            self.register_buffer("nothing", None)
            self.register_parameter("absent", None)
            self.again = self.head
            self.empty = None

        def forward(self, x: Any) -> Any:
            return self.head(self.body(x)) * self.scale

    return Net()


def both(call: Callable[[Any], Any]) -> tuple[Any, Any]:
    return tuple(call(library) for library in LIBRARIES)  # type: ignore[return-value]  # two of them


def same_error(call: Callable[[Any], Any]) -> None:
    """`call` raises the same type of error with the same text, but for the library's name."""
    errors = []
    for library in LIBRARIES:
        with pytest.raises(Exception) as caught:
            call(library)
        errors.append(caught.value)
    assert isinstance(errors[0], type(errors[1]))
    texts = [
        str(e).replace("torch.nn.modules.linear", "M").replace("torch ", "dlf ") for e in errors
    ]
    texts = [
        t.replace("torch.FloatTensor", "torch.Tensor")
        .replace("torch", "dlf")
        .replace("dlf.nn.modules.linear", "M")
        for t in texts
    ]
    assert texts[0].split(" (type")[0] == texts[1].split(" (type")[0]


# Parameter and Buffer


def test_parameter_shares_storage_and_requires_grad() -> None:
    data = dlf.ones(3)
    parameter = nn.Parameter(data)
    assert isinstance(parameter, dlf.Tensor)
    assert parameter.requires_grad
    assert parameter.is_leaf
    data[0] = 5
    assert parameter[0].item() == 5
    assert not nn.Parameter(dlf.ones(2), requires_grad=False).requires_grad
    assert nn.Parameter(dlf.tensor([1, 2]), requires_grad=False).dtype is dlf.int64
    assert nn.Parameter().numel() == 0


def test_parameter_of_a_result_is_a_leaf() -> None:
    source = dlf.ones(3, requires_grad=True)
    parameter = nn.Parameter(source * 2)
    (parameter * 3).sum().backward()
    assert parameter.grad.tolist() == [3, 3, 3]
    assert source.grad is None


def test_parameter_repr() -> None:
    actual, expected = both(lambda lib: repr(lib.nn.Parameter(lib.ones(2))))
    assert actual == expected


def test_parameter_copies_and_pickles() -> None:
    parameter = nn.Parameter(dlf.ones(2))
    for other in (copy.deepcopy(parameter), pickle.loads(pickle.dumps(parameter))):
        assert type(other) is nn.Parameter
        assert other.requires_grad
        assert other.tolist() == [1, 1]
        with dlf.no_grad():
            other.zero_()
        assert parameter.tolist() == [1, 1]


def test_buffer_is_registered_when_assigned() -> None:
    module = nn.Module()
    module.kept = nn.Buffer(dlf.ones(1))
    module.dropped = nn.Buffer(dlf.ones(1), persistent=False)
    assert [name for name, _ in module.named_buffers()] == ["kept", "dropped"]
    assert list(module.state_dict()) == ["kept"]
    module.kept = dlf.zeros(1)
    assert [name for name, _ in module.named_buffers()] == ["kept", "dropped"]


# Registration


def test_assigning_another_kind_moves_the_name() -> None:
    module = nn.Module()
    module.x = nn.Parameter(dlf.ones(1))
    module.x = None
    assert module.x is None
    assert "x" in module._parameters
    del module.x
    module.x = nn.Linear(1, 1)
    module.x = nn.Parameter(dlf.ones(1))
    assert list(module._modules) == []
    module.y = 3
    module.y = nn.ReLU()
    assert "y" not in module.__dict__
    del module.y
    assert not hasattr(module, "y")
    assert dir(module)


class Unready:
    """Models that forget, or misuse, the base class."""

    @staticmethod
    def of(library: Any, value: Callable[[Any], Any]) -> Any:
        class Model(library.nn.Module):  # type: ignore[misc, name-defined]  # either library's
            def __init__(self) -> None:
                self.x = value(library)

        return Model()


BAD: dict[str, Callable[[Any], Any]] = {
    "parameter before init": lambda lib: Unready.of(lib, lambda lib: lib.nn.Parameter(lib.ones(1))),
    "module before init": lambda lib: Unready.of(lib, lambda lib: lib.nn.ReLU()),
    "parameter name type": lambda lib: net(lib).register_parameter(3, None),
    "parameter dot": lambda lib: net(lib).register_parameter("a.b", None),
    "parameter empty": lambda lib: net(lib).register_parameter("", None),
    "parameter taken": lambda lib: net(lib).register_parameter("head", None),
    "parameter method": lambda lib: net(lib).register_parameter("train", None),
    "parameter type": lambda lib: net(lib).register_parameter("new", 3),
    "parameter tensor": lambda lib: net(lib).register_parameter("new", lib.ones(1)),
    "parameter assign": lambda lib: setattr(net(lib), "scale", 3),
    "buffer name type": lambda lib: net(lib).register_buffer(3, None),
    "buffer dot": lambda lib: net(lib).register_buffer("a.b", None),
    "buffer empty": lambda lib: net(lib).register_buffer("", None),
    "buffer taken": lambda lib: net(lib).register_buffer("scale", None),
    "buffer type": lambda lib: net(lib).register_buffer("new", 3),
    "buffer assign": lambda lib: setattr(net(lib), "seen", 3),
    "module type": lambda lib: net(lib).add_module("new", 3),
    "module dot": lambda lib: net(lib).add_module("a.b", None),
    "module empty": lambda lib: net(lib).add_module("", None),
    "module taken": lambda lib: net(lib).add_module("scale", None),
    "module assign": lambda lib: setattr(net(lib), "head", 3),
    "missing attribute": lambda lib: net(lib).nowhere,
    "missing deletion": lambda lib: delattr(net(lib), "nowhere"),
    "submodule missing": lambda lib: net(lib).get_submodule("body.7"),
    "submodule type": lambda lib: net(lib).get_submodule("scale"),
    "parameter missing": lambda lib: net(lib).get_parameter("body.0.w"),
    "parameter kind": lambda lib: net(lib).get_parameter("head"),
    "buffer missing": lambda lib: net(lib).get_buffer("body.1.w"),
    "buffer kind": lambda lib: net(lib).get_buffer("scale"),
    "set nothing": lambda lib: net(lib).set_submodule("", lib.nn.ReLU()),
    "set kind": lambda lib: net(lib).set_submodule("scale", lib.nn.ReLU()),
    "set strict": lambda lib: net(lib).set_submodule("body.new", lib.nn.ReLU(), strict=True),
    "train mode": lambda lib: net(lib).train(1),
    "to int": lambda lib: net(lib).to(lib.int32),
    "state of a list": lambda lib: net(lib).load_state_dict([1]),
    "call of a list": lambda lib: lib.nn.ParameterList()(1),
    "call of a dict": lambda lib: lib.nn.ParameterDict()(1),
    "list index": lambda lib: lib.nn.ModuleList([lib.nn.ReLU()])[1],
    "list extend": lambda lib: lib.nn.ModuleList().extend(3),
    "sequential index": lambda lib: lib.nn.Sequential()[0],
    "sequential add": lambda lib: lib.nn.Sequential() + 3,
    "sequential times": lambda lib: lib.nn.Sequential() * 0,
    "dict update": lambda lib: lib.nn.ModuleDict().update(3),
    "dict pair": lambda lib: lib.nn.ModuleDict().update([("a",)]),
    "dict key": lambda lib: lib.nn.ModuleDict()["a"],
    "parameter list index": lambda lib: lib.nn.ParameterList()[0],
    "parameter list extend": lambda lib: lib.nn.ParameterList().extend(lib.ones(1)),
    "parameter dict key": lambda lib: lib.nn.ParameterDict({3: lib.ones(1)}),
}


@pytest.mark.parametrize("name", BAD)
def test_errors_are_those_of_pytorch(name: str) -> None:
    if name == "set kind":
        # PyTorch's text is the same, but its type is looked up last.
        with pytest.raises(AttributeError, match="`scale` is not an nn"):
            BAD[name](dlf)
        return
    same_error(BAD[name])


def test_a_parameter_is_a_leaf() -> None:
    module = nn.Module()
    parameter = nn.Parameter(dlf.ones(1))
    with pytest.raises(TypeError, match="cannot assign"):
        module.register_parameter("x", parameter * 2)


# Listing


@pytest.mark.parametrize(
    "call",
    [
        lambda m: [n for n, _ in m.named_parameters()],
        lambda m: [n for n, _ in m.named_parameters("p", recurse=False)],
        lambda m: [n for n, _ in m.named_parameters(remove_duplicate=False)],
        lambda m: [n for n, _ in m.named_buffers()],
        lambda m: [n for n, _ in m.named_buffers(recurse=False)],
        lambda m: [n for n, _ in m.named_modules()],
        lambda m: [n for n, _ in m.named_modules(prefix="p", remove_duplicate=False)],
        lambda m: [n for n, _ in m.named_children()],
        lambda m: [len(list(i)) for i in (m.parameters(), m.buffers(), m.modules(), m.children())],
        lambda m: list(m.state_dict()),
        lambda m: [(k, tuple(v.shape)) for k, v in m.state_dict(prefix="p.").items()],
        lambda m: list(m.state_dict()._metadata.items()),
        repr,
        lambda m: repr(m.body),
        lambda m: m.get_submodule("body.1").num_features,
        lambda m: tuple(m.get_parameter("body.0.weight").shape),
        lambda m: tuple(m.get_buffer("body.1.running_mean").shape),
        lambda m: [x for x in dir(m) if not x.startswith("_") and x in ("body", "scale", "seen")],
    ],
)
def test_listings_are_those_of_pytorch(call: Callable[[Any], Any]) -> None:
    actual, expected = both(lambda library: call(net(library)))
    assert actual == expected


def test_apply_goes_from_the_leaves_to_the_root() -> None:
    def order(library: Any) -> list[str]:
        seen: list[str] = []
        net(library).apply(lambda m: seen.append(type(m).__name__))
        return seen

    actual, expected = both(order)
    assert actual == expected


def test_set_submodule() -> None:
    model = net(dlf)
    model.set_submodule("body.0", nn.Identity())
    model.set_submodule("body.new", nn.ReLU())
    assert type(model.body[0]) is nn.Identity
    assert type(model.body.new) is nn.ReLU


# State dicts


def test_state_dict_round_trip() -> None:
    source, target = net(dlf), net(dlf)
    with dlf.no_grad():
        source.scale.fill_(3)
        source.body[1].running_mean.fill_(2)
    result = target.load_state_dict(source.state_dict())
    assert str(result) == "<All keys matched successfully>"
    assert target.scale.tolist() == [3, 3]
    assert target.body[1].running_mean.tolist() == [2] * 4
    assert target.scale is not source.scale
    assert target.scale.requires_grad


def test_state_dict_shares_storage_off_the_graph() -> None:
    model = net(dlf)
    state = model.state_dict()
    assert not state["scale"].requires_grad
    state["scale"].fill_(9)
    assert model.scale.tolist() == [9, 9]
    assert model.state_dict(keep_vars=True)["scale"] is model.scale


def changed(library: Any) -> dict[str, Any]:
    state = net(library).state_dict()
    del state["head.weight"], state["body.1.running_var"]
    state["more"] = state["body.9.weight"] = library.ones(1)
    state["scale"] = library.ones(5)
    state["body.0.bias"] = 3
    return state


def test_load_errors_are_those_of_pytorch() -> None:
    same_error(lambda lib: net(lib).load_state_dict(changed(lib)))
    same_error(lambda lib: net(lib).load_state_dict(changed(lib), strict=False))


def test_loading_without_strict_reports_the_keys() -> None:
    def load(library: Any) -> Any:
        state = net(library).state_dict()
        state["more"] = state.pop("seen")
        return net(library).load_state_dict(state, strict=False)

    actual, expected = both(load)
    assert tuple(actual) == tuple(expected) == (["seen"], ["more"])
    assert repr(actual) == repr(expected)


def test_assign_takes_the_tensors() -> None:
    model = nn.Linear(2, 2)
    state = {"weight": dlf.ones(2, 2, dtype=dlf.float64), "bias": nn.Parameter(dlf.ones(2))}
    model.weight.requires_grad_(False)
    model.load_state_dict(state, assign=True)
    assert model.weight.dtype is dlf.float64
    assert type(model.weight) is nn.Parameter
    assert not model.weight.requires_grad
    assert model.bias is state["bias"]


def test_a_scalar_loads_from_one_element() -> None:
    module = nn.Module()
    module.x = nn.Parameter(dlf.tensor(1.0))
    module.load_state_dict({"x": dlf.tensor([4.0])})
    assert module.x.item() == 4


def test_extra_state() -> None:
    class Counter(nn.Module):
        count = 0

        def get_extra_state(self) -> Any:
            return {"count": self.count}

        def set_extra_state(self, state: Any) -> None:
            self.count = state["count"]

    model = nn.Sequential(Counter())
    model[0].count = 3
    state = model.state_dict()
    assert list(state) == ["0._extra_state"]
    other = nn.Sequential(Counter())
    other.load_state_dict(state)
    assert other[0].count == 3
    with pytest.raises(RuntimeError, match="Missing key"):
        other.load_state_dict({})
    with pytest.raises(RuntimeError, match="Unexpected key"):
        nn.Sequential(nn.ReLU()).load_state_dict(state)


def test_state_dict_hooks() -> None:
    model, log = nn.Sequential(nn.Linear(1, 1)), []
    model.register_state_dict_pre_hook(lambda m, prefix, keep: log.append(("pre", prefix, keep)))

    def rename(m: Any, state: Any, prefix: str, metadata: Any) -> None:
        state["renamed"] = state.pop("0.bias")

    model.register_state_dict_post_hook(rename)
    state = model.state_dict()
    assert log == [("pre", "", False)]
    assert list(state) == ["0.weight", "renamed"]

    def restore(m: Any, state: Any, *rest: Any) -> None:
        assert m is model
        state["0.bias"] = state.pop("renamed")

    model.register_load_state_dict_pre_hook(restore)
    model.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
    del state["0.weight"]
    assert str(model.load_state_dict(state)) == "<All keys matched successfully>"


def test_batch_norm_loads_a_state_without_a_count() -> None:
    state = dict(nn.BatchNorm1d(2).state_dict())
    del state["num_batches_tracked"]
    nn.BatchNorm1d(2).load_state_dict(state)


# Hooks


def hooked_calls(library: Any) -> list[Any]:
    """What hooks of all kinds see, and in which order."""
    log: list[Any] = []
    model = library.nn.Linear(2, 2, bias=False)
    with library.no_grad():
        model.weight.copy_(library.tensor([[1.0, 2.0], [3.0, 4.0]]))

    def pre(m: Any, args: Any) -> Any:
        log.append(("pre", args[0].tolist()))
        return args[0] * 2

    def pre_kwargs(m: Any, args: Any, kwargs: Any) -> Any:
        log.append(("pre kwargs", len(args), list(kwargs)))
        return args, kwargs

    def post(m: Any, args: Any, output: Any) -> Any:
        log.append(("post", output.tolist()))
        return output + 1

    def post_kwargs(m: Any, args: Any, kwargs: Any, output: Any) -> None:
        log.append(("post kwargs", list(kwargs), output.tolist()))

    def back(m: Any, grad_input: Any, grad_output: Any) -> Any:
        log.append(("back", [g.tolist() for g in grad_input], [g.tolist() for g in grad_output]))
        return (grad_input[0] * 10,)

    def back_pre(m: Any, grad_output: Any) -> Any:
        log.append(("back pre", [g.tolist() for g in grad_output]))
        return (grad_output[0] * 2,)

    model.register_forward_pre_hook(pre)
    model.register_forward_pre_hook(pre_kwargs, with_kwargs=True, prepend=True)
    model.register_forward_hook(post)
    model.register_forward_hook(post_kwargs, with_kwargs=True)
    model.register_full_backward_hook(back)
    model.register_full_backward_pre_hook(back_pre)
    x = library.ones(1, 2, requires_grad=True)
    model(x).sum().backward()
    log.append(x.grad.tolist())
    log.append(model.weight.grad.tolist())
    return log


def test_hooks_see_and_change_what_they_do_in_pytorch() -> None:
    actual, expected = both(hooked_calls)
    assert actual == expected


@pytest.mark.filterwarnings("ignore:Full backward hook is firing:UserWarning")
def test_backward_hook_without_input_gradient() -> None:
    def seen(library: Any) -> list[Any]:
        log: list[Any] = []
        model = library.nn.Linear(2, 2, bias=False)
        model.register_full_backward_hook(
            lambda m, gi, go: log.append((gi, [g.tolist() for g in go]))
        )
        model(library.ones(1, 2)).sum().backward()
        with library.no_grad():
            model(library.ones(1, 2))
        return log

    actual, expected = both(seen)
    assert actual == expected


def test_backward_hook_of_several_inputs_and_outputs() -> None:
    def seen(library: Any) -> list[Any]:
        class Swap(library.nn.Module):  # type: ignore[misc, name-defined]  # either library's
            def forward(self, a: Any, b: Any, n: int) -> Any:
                return b * n, a

        log: list[Any] = []
        model = Swap()
        model.register_full_backward_hook(
            lambda m, gi, go: log.append(
                [[g if g is None else g.tolist() for g in x] for x in (gi, go)]
            )
        )
        a = library.ones(2, requires_grad=True)
        out = model(a, library.ones(2), 3)
        (out[0].sum() + (out[1] * 5).sum()).backward()
        return [*log, a.grad.tolist()]

    actual, expected = both(seen)
    assert actual == expected


def test_hooks_can_be_removed_and_a_call_is_plain_again() -> None:
    model, log = nn.ReLU(), []
    with model.register_forward_hook(lambda *_: log.append(1)):
        model(dlf.ones(1))
    handle = model.register_forward_pre_hook(lambda *_: log.append(2))
    model(dlf.ones(1))
    handle.remove()
    handle.remove()
    model(dlf.ones(1))
    assert log == [1, 2]


def test_always_call_hooks_run_after_an_error() -> None:
    log: list[str] = []
    model = nn.Linear(2, 2)
    model.register_forward_hook(lambda *_: log.append("always"), always_call=True)
    model.register_forward_hook(lambda *_: log.append("else"))
    with pytest.raises(RuntimeError):
        model(dlf.ones(3, 3))
    assert log == ["always"]


def test_pre_hook_with_kwargs_must_return_a_pair() -> None:
    model = nn.ReLU()
    model.register_forward_pre_hook(lambda m, args, kwargs: args, with_kwargs=True)
    with pytest.raises(RuntimeError, match="forward pre-hook must return None or a tuple"):
        model(dlf.ones(1))


def test_hooks_for_all_modules() -> None:
    from dlf.nn import hooks

    log: list[str] = []
    handles = [
        hooks.register_module_forward_pre_hook(lambda m, a: log.append(f"pre {type(m).__name__}")),
        hooks.register_module_forward_hook(lambda m, a, o: log.append(f"post {type(m).__name__}")),
        hooks.register_module_full_backward_pre_hook(
            lambda m, g: log.append(f"back pre {type(m).__name__}")
        ),
        hooks.register_module_full_backward_hook(
            lambda m, gi, go: log.append(f"back {type(m).__name__}")
        ),
    ]
    x = dlf.ones(1, requires_grad=True)
    nn.Sequential(nn.ReLU())(x).sum().backward()
    for handle in handles:
        handle.remove()
    nn.ReLU()(x)
    assert log == [
        "pre Sequential", "pre ReLU", "post ReLU", "post Sequential",
        "back pre Sequential", "back pre ReLU", "back ReLU", "back Sequential",
    ]  # fmt: skip
    assert not nn.ReLU()._hooked


# Conversions and modes


def test_dtype_conversions_keep_the_parameter_objects() -> None:
    model = net(dlf)
    before = list(model.parameters())
    model(dlf.ones(2, 3)).sum().backward()
    assert model.double() is model
    assert all(a is b for a, b in zip(before, model.parameters(), strict=True))
    assert {p.dtype for p in model.parameters()} == {dlf.float64}
    assert model.scale.grad.dtype is dlf.float64
    assert model.body[1].running_mean.dtype is dlf.float64
    assert model.body[1].num_batches_tracked.dtype is dlf.int64
    model.zero_grad()
    model(dlf.ones(2, 3, dtype=dlf.float64)).sum().backward()
    for name, dtype in (("half", "float16"), ("bfloat16", "bfloat16"), ("float", "float32")):
        assert getattr(model, name)().scale.dtype is getattr(dlf, dtype)


def test_to_takes_a_device_a_dtype_or_a_tensor() -> None:
    model = net(dlf)
    assert model.to("cpu") is model
    assert model.to(dlf.float64).scale.dtype is dlf.float64
    assert model.to("cpu", dlf.float32).scale.dtype is dlf.float32
    assert model.to(dlf.ones(1, dtype=dlf.float64)).scale.dtype is dlf.float64
    assert model.to(dtype=dlf.float32, device="cpu").scale.dtype is dlf.float32
    assert model.cpu().scale.device.type == "cpu"
    assert model.to_empty(device="cpu").scale.shape == (2,)
    with pytest.raises(TypeError, match="invalid combination"):
        model.to("cpu", "cpu")


def test_a_registered_device_type_has_a_method() -> None:
    model = net(dlf)
    model.sim()
    assert {p.device.type for p in model.parameters()} == {"sim"}
    assert {b.device.type for b in model.buffers()} == {"sim"}
    model.sim(1)
    assert {p.device.index for p in model.parameters()} == {1}
    assert model.cpu().scale.device.type == "cpu"
    assert "in the forward of" not in str(model)


def test_train_and_eval_reach_all_modules() -> None:
    model = net(dlf)
    assert model.eval() is model
    assert not any(m.training for m in model.modules())
    assert model.train() is model
    assert all(m.training for m in model.modules())


def test_requires_grad_and_zero_grad() -> None:
    model = net(dlf)
    model(dlf.ones(2, 3)).sum().backward()
    model.zero_grad(set_to_none=False)
    assert model.scale.grad.tolist() == [0, 0]
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    model.requires_grad_(False)
    assert not any(p.requires_grad for p in model.parameters())


def test_deepcopy_and_pickle_are_independent_and_keep_ties() -> None:
    model = net(dlf)
    other = copy.deepcopy(model)
    assert other.scale is other.alias
    assert other.head is other.again
    assert other.scale is not model.scale
    x = dlf.ones(2, 3)
    np.testing.assert_array_equal(
        other.eval()(x).detach().numpy(), model.eval()(x).detach().numpy()
    )
    linear = pickle.loads(pickle.dumps(nn.Sequential(nn.Linear(2, 2))))
    assert linear[0].weight.requires_grad


def test_a_module_is_freed_at_once() -> None:
    gc.collect()
    gc.disable()
    try:
        model = nn.Sequential(nn.Linear(2, 2))
        gone = weakref.ref(model)
        del model
        assert gone() is None
    finally:
        gc.enable()


# Errors in a forward


def test_an_error_names_the_path_of_the_module() -> None:
    model = nn.Sequential(OrderedDict(body=nn.ModuleDict({"fc": nn.Linear(3, 2)}), out=nn.ReLU()))

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, x: Any) -> Any:
            return self.inner.body["fc"](x)

    with pytest.raises(RuntimeError) as caught:
        Model()(dlf.ones(2, 5))
    (note,) = caught.value.__notes__
    assert "'inner.body.fc' of Model" in note
    assert "Linear(in_features=3, out_features=2, bias=True)" in note


def test_call_without_hooks_goes_straight_to_forward() -> None:
    class Probe(nn.Module):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return args, kwargs

    assert Probe()(1, a=2) == ((1,), {"a": 2})


# Containers


def test_sequential() -> None:
    a, b, c = nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 3)
    model = nn.Sequential(a, b)
    model.append(c)
    assert model[0] is a
    assert model[-1] is c
    assert list(model[1:]) == [b, c]
    assert len(model) == 3
    model[1] = nn.Tanh()
    model.insert(1, b)
    assert [type(m).__name__ for m in model] == ["Linear", "ReLU", "Tanh", "Linear"]
    del model[2]
    assert [n for n, _ in model.named_children()] == ["0", "1", "2"]
    assert model.pop(1) is b
    assert list(model + nn.Sequential(b)) == [a, c, b]
    assert list(model * 2) == [a, c, a, c]
    model *= 2
    model += nn.Sequential(b)
    assert list(model) == [a, c, a, c, b]
    named = nn.Sequential(OrderedDict(first=a, second=b))
    assert named.second is b
    assert list(named[:1]._modules) == ["first"]
    assert len(nn.Sequential(OrderedDict())) == 0


def test_module_list() -> None:
    layers = nn.ModuleList([nn.ReLU()])
    layers.extend([nn.Tanh(), nn.Linear(1, 1)]).append(nn.GELU())
    assert [type(m).__name__ for m in layers] == ["ReLU", "Tanh", "Linear", "GELU"]
    assert type(layers[1:]) is nn.ModuleList
    assert len(layers[1:3]) == 2
    layers.insert(0, nn.Identity())
    del layers[1:3]
    assert [n for n, _ in layers.named_children()] == ["0", "1", "2"]
    layers += [nn.ReLU()]
    assert len(layers + [nn.ReLU()]) == 5  # noqa: RUF005 - the operator is what is tested
    assert type(layers.pop(-1)) is nn.ReLU
    assert layers[-1] is layers[2]


def test_module_dict() -> None:
    layers = nn.ModuleDict({"a": nn.ReLU()})
    layers["b"] = nn.Tanh()
    layers.update([["c", nn.GELU()]])
    layers.update(nn.ModuleDict({"d": nn.ELU()}))
    assert list(layers) == list(layers.keys()) == ["a", "b", "c", "d"]
    assert "b" in layers
    assert len(layers) == len(list(layers.items())) == len(list(layers.values())) == 4
    assert type(layers.pop("b")) is nn.Tanh
    del layers["a"]
    layers.clear()
    assert len(layers) == 0


def container_reprs(library: Any) -> list[str]:
    nn = library.nn
    layers = [nn.Linear(2, 2), nn.Linear(2, 2), nn.Sequential(nn.ReLU(), nn.ReLU())]
    return [
        repr(nn.ModuleList(layers)),
        repr(nn.ModuleList()),
        repr(nn.ModuleDict({"a": nn.ModuleList(layers)})),
        repr(nn.Sequential()),
        repr(nn.ParameterList([library.ones(2, 3), library.ones(()), 3])),
        repr(nn.ParameterDict({"a": library.ones(2, 3), "b": 3})),
    ]


def test_reprs_of_containers_are_those_of_pytorch() -> None:
    actual, expected = both(container_reprs)
    # PyTorch says `FloatTensor` in one of the two parameter containers, and the dtype in the other.
    expected = [text.replace("torch.FloatTensor", "torch.float32") for text in expected]
    assert actual == [text.replace("torch.", "dlf.") for text in expected]


def test_parameter_list() -> None:
    values = nn.ParameterList([dlf.ones(1), nn.Parameter(dlf.ones(2))])
    values.append(dlf.ones(3))
    values += [dlf.ones(4)]
    assert all(type(p) is nn.Parameter for p in values)
    assert [len(p) for p in values[1:]] == [2, 3, 4]
    values[-1] = dlf.ones(5)
    assert [n for n, _ in values.named_parameters()] == ["0", "1", "2", "3"]
    assert len(values) == 4


def test_parameter_dict() -> None:
    values = nn.ParameterDict({"a": dlf.ones(1)})
    values["b"] = dlf.ones(2)
    values.update({"c": dlf.ones(3)})
    assert [n for n, _ in values.named_parameters()] == ["a", "b", "c"]
    assert list(reversed(values)) == ["c", "b", "a"]
    assert values.get("x") is None
    assert len(values.setdefault("d", dlf.ones(4))) == 4
    assert values.popitem()[0] == "d"
    assert len(values.pop("a")) == 1
    assert list((values | nn.ParameterDict({"z": dlf.ones(1)})).keys()) == ["b", "c", "z"]
    assert list(values.copy()) == ["b", "c"]
    assert list(values.fromkeys(["k"], dlf.ones(1))) == ["k"]
    del values["b"]
    values.clear()
    assert len(values) == 0
    assert list(values.parameters()) == []
