"""`Optimizer`: parameter groups, state, hooks and saving, common to all optimizers."""

from __future__ import annotations

import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from functools import wraps
from itertools import chain
from typing import TYPE_CHECKING, Any

from dlf.autograd.mode import enable_grad
from dlf.tensor import Tensor

if TYPE_CHECKING:
    from dlf.nn.hooks import RemovableHandle

__all__ = ["Optimizer", "Params"]

Params = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
Group = dict[str, Any]
Hook = Callable[..., Any]
_HOOKS = (
    "_step_pre_hooks",
    "_step_post_hooks",
    "_state_dict_pre_hooks",
    "_state_dict_post_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


class Optimizer:
    """Base of all optimizers.

    Args:
        params: the tensors to optimize, or dictionaries of them (``{"params": [...], "lr": 0.1}``)
            with options of their own, or (name, tensor) pairs. The order must be the same from run
            to run.
        defaults: the options of a group that does not set its own.

    A new optimizer is a subclass with `_update`, which changes one group's parameters; or with its
    own `step`.

    Raises:
        TypeError: `params` is a tensor, or holds something that is none.
        ValueError: `params` is empty, names a tensor twice, or holds one that is not a leaf.
    """

    defaults: dict[str, Any]
    state: defaultdict[Any, dict[str, Any]]
    param_groups: list[Group]
    # Set by `step`, read by schedulers to warn of a wrong order of calls.
    _opt_called: bool = False
    _stepping: bool = False

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                "but got a Tensor; put it in a list"
            )
        self.defaults = defaults
        self._make_hooks()
        self.state = defaultdict(dict)
        self.param_groups = []
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = cls.__dict__.get("step")
        if own is not None:
            cls.step = _hooked(own)  # type: ignore[method-assign]  # adds the hooks around it

    # ------------------------------------------------------------------ the step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change each parameter that has a ``grad``.

        Args:
            closure: clears the gradients, computes the loss, calls ``backward`` and returns the
                loss.

        Returns:
            What `closure` returned, else None.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._update(group)
        return loss

    def _update(self, group: Group) -> None:
        """Change the parameters of one group."""
        raise NotImplementedError(f"{type(self).__name__} must define step or _update")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zero if not `set_to_none`."""
        for group in self.param_groups:
            for p in group["params"]:
                grad = p._grad
                if grad is None:
                    continue
                if set_to_none:
                    p._grad = None
                else:
                    if grad.grad_fn is not None:
                        grad.detach_()
                    else:
                        grad.requires_grad_(False)
                    grad.zero_()

    # ------------------------------------------------------------------ groups

    def add_param_group(self, param_group: Group) -> None:
        """Add a group of parameters, such as layers that were frozen so far.

        Args:
            param_group: ``params`` (a tensor, tensors, or (name, tensor) pairs) and options that
                differ from the defaults. The dictionary itself is kept and completed.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(
                "the parameters are in a set, whose order changes between runs; give a list"
            )
        given = [params] if isinstance(params, Tensor) else list(params)
        names = [p[0] for p in given if isinstance(p, tuple)]
        tensors = [p[1] if isinstance(p, tuple) else p for p in given]
        if names and len(names) != len(tensors):
            raise ValueError(
                "all optimizer params should be with/without names. Some param names are missing"
            )
        self._check_tensors(tensors)
        param_group["params"] = tensors
        if names:
            param_group["param_names"] = names
        for name, default in self.defaults.items():
            param_group.setdefault(name, default)
        self._check_against_groups(param_group)
        self.param_groups.append(param_group)

    def _check_tensors(self, tensors: list[Any]) -> None:
        for t in tensors:
            if not isinstance(t, Tensor):
                raise TypeError(
                    "optimizer can only optimize Tensors, but one of the params is "
                    f"{type(t).__name__}"
                )
            if not (t.is_leaf or t.retains_grad or self.defaults.get("differentiable")):
                raise ValueError("can't optimize a non-leaf Tensor")
        if len({id(t) for t in tensors}) != len(tensors):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; each is updated "
                "once for every time it stands there",
                stacklevel=4,
            )

    def _check_against_groups(self, param_group: Group) -> None:
        named = "param_names" in param_group
        known = {id(t) for group in self.param_groups for t in group["params"]}
        if any(("param_names" in group) != named for group in self.param_groups):
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if named else 'without'} names to the optimizer"
            )
        if any(id(t) in known for t in param_group["params"]):
            raise ValueError("some parameters appear in more than one parameter group")

    # ------------------------------------------------------------------ saving

    def state_dict(self) -> dict[str, Any]:
        """The state and the groups' options, with each parameter replaced by its number.

        ``{"state": {number: {...}}, "param_groups": [{..., "params": [numbers]}]}``; the tensors in
        it are the optimizer's own, not copies.
        """
        for hook in self._state_dict_pre_hooks.values():
            hook(self)
        number: dict[int, int] = {}
        for p in chain.from_iterable(g["params"] for g in self.param_groups):
            number.setdefault(id(p), len(number))
        groups = [
            {
                **{k: v for k, v in g.items() if k != "params"},
                "params": [number[id(p)] for p in g["params"]],
            }
            for g in self.param_groups
        ]
        state = {
            number.get(id(k), k) if isinstance(k, Tensor) else k: v for k, v in self.state.items()
        }
        result: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in self._state_dict_post_hooks.values():
            changed = hook(self, result)
            if changed is not None:
                result = changed
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave, of this or of another optimizer with groups of the same
        sizes.

        Tensors are copied, to the device of their parameter and (if it is floating) to its dtype.

        Raises:
            ValueError: the groups differ in number or in size.
        """
        state_dict = state_dict.copy()
        for hook in self._load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            if changed is not None:
                state_dict = changed
        groups, saved = self.param_groups, deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError(
                "loaded state dict has a different number of parameter groups: "
                f"{len(saved)}, the optimizer has {len(groups)}"
            )
        for i, (group, other) in enumerate(zip(groups, saved, strict=True)):
            if len(group["params"]) != len(other["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of "
                    "optimizer's group: group "
                    f"{i} has {len(other['params'])} parameters, the optimizer's "
                    f"{len(group['params'])}"
                )
        param_of = dict(
            zip(
                chain.from_iterable(g["params"] for g in saved),
                chain.from_iterable(g["params"] for g in groups),
                strict=True,
            )
        )
        state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in param_of:
                state[param_of[key]] = {k: _adopt(param_of[key], k, v) for k, v in value.items()}
            else:
                state[key] = value
        for group, other in zip(groups, saved, strict=True):
            other["params"] = group["params"]
            if "param_names" in group:
                other.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._load_state_dict_post_hooks.values():
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_step_pre_hooks" not in self.__dict__:
            self._make_hooks()
        for group in self.param_groups:
            for name, default in self.defaults.items():
                group.setdefault(name, default)

    # ------------------------------------------------------------------ hooks

    def _make_hooks(self) -> None:
        for name in _HOOKS:
            setattr(self, name, OrderedDict())

    _step_pre_hooks: OrderedDict[int, Hook]
    _step_post_hooks: OrderedDict[int, Hook]
    _state_dict_pre_hooks: OrderedDict[int, Hook]
    _state_dict_post_hooks: OrderedDict[int, Hook]
    _load_state_dict_pre_hooks: OrderedDict[int, Hook]
    _load_state_dict_post_hooks: OrderedDict[int, Hook]

    def register_step_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return new (args,
        kwargs)."""
        return _add(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return _add(self._step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` before `state_dict`; first of all hooks with `prepend`."""
        return _add(self._state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` after `state_dict`; it may return another
        dictionary."""
        return _add(self._state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Hook, prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before loading; it may return another dictionary."""
        return _add(self._load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Hook, prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` after loading."""
        return _add(self._load_state_dict_post_hooks, hook, prepend)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def _add(hooks: OrderedDict[int, Hook], hook: Hook, prepend: bool = False) -> RemovableHandle:
    from dlf.nn.hooks import RemovableHandle

    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """`step` with the hooks around it; a step that calls its base's runs them once."""

    @wraps(step)
    def run(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if self._stepping:
            return step(self, *args, **kwargs)
        self._opt_called = self._stepping = True
        try:
            for hook in self._step_pre_hooks.values():
                changed = hook(self, args, kwargs)
                if changed is not None:
                    if not (isinstance(changed, tuple) and len(changed) == 2):
                        raise RuntimeError(
                            "a step pre-hook must return None or a tuple of (new_args, "
                            f"new_kwargs), but got {changed}"
                        )
                    args, kwargs = changed
            result = step(self, *args, **kwargs)
            for hook in self._step_post_hooks.values():
                hook(self, args, kwargs)
        finally:
            self._stepping = False
        return result

    return run


Optimizer.step = _hooked(Optimizer.step)  # type: ignore[method-assign]  # subclasses: __init_subclass__


def _adopt(param: Tensor, key: Any, value: Any) -> Any:
    """A copy of `value`, saved as state `key`, for `param`."""
    if isinstance(value, Tensor):
        if key == "step":
            return int(value.item())
        dtype = param.dtype if param.dtype.is_floating_point else value.dtype
        moved = value.detach().to(device=param.device, dtype=dtype)
        # A copy, as steps write the state in place and a loaded file may be read-only.
        return moved.clone() if moved._data is value._data else moved
    if key == "step":
        return int(value)
    if isinstance(value, dict):
        return {k: _adopt(param, k, v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_adopt(param, None, v) for v in value)
    return value


def rate(value: Any) -> float:
    """A learning rate as a number, be it given as a tensor of one element."""
    return value.item() if isinstance(value, Tensor) else value


def check_options(*values: tuple[str, Any]) -> None:
    """ValueError for the first option that is negative; each is (PyTorch's name for it, value)."""
    for told, value in values:
        if isinstance(value, Tensor) and value.numel() != 1:
            raise ValueError(
                f"Tensor {'lr' if told == 'learning rate' else told} must be 1-element"
            )
        if not value >= 0.0:
            raise ValueError(f"Invalid {told}: {value}")


def check_fused(fused: bool | None, foreach: bool | None, differentiable: bool) -> None:
    """Refuse combinations that PyTorch refuses, and what a step op cannot do."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
    if differentiable:
        raise NotImplementedError(
            "differentiable=True: a step changes parameters in place and records no gradient; "
            "write the update in tensor ops to differentiate through it"
        )


Bucket = list[tuple[Tensor, Tensor, dict[str, Any]]]


def buckets(
    optimizer: Optimizer, group: Group, init: Callable[[Tensor], dict[str, Any]] | None
) -> Iterator[Bucket]:
    """The group's (parameter, gradient, state), for those with a gradient: one list a device, dtype
    and step.

    New parameters' state is made by `init` (None: no state is kept); ``step``, where it is kept, is
    counted.
    """
    found: dict[tuple[Any, Any, Any], Bucket] = {}
    state_of = optimizer.state
    for p in group["params"]:
        grad = p._grad
        if grad is None:
            continue
        state: dict[str, Any] = {}
        if init is not None:
            state = state_of[p]
            if not state:
                state.update(init(p))
            if "step" in state:
                state["step"] += 1
        key = (p.device, p.dtype, state.get("step"))
        row = (p, grad, state)
        bucket = found.get(key)
        if bucket is None:
            found[key] = [row]
        else:
            bucket.append(row)
    return iter(found.values())
