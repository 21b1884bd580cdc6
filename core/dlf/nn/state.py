"""`state_dict` and `load_state_dict` of a `Module`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import dlf
from dlf.nn.hooks import Hooks, RemovableHandle
from dlf.nn.parameter import Parameter
from dlf.tensor import Tensor

if TYPE_CHECKING:
    from dlf.nn.module import Module

__all__ = ["IncompatibleKeys", "Stateful"]

_EXTRA_STATE = "_extra_state"


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` returns: the keys that only the model or only the file has."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"_IncompatibleKeys(missing_keys={self.missing_keys}, "
            f"unexpected_keys={self.unexpected_keys})"
        )


class StateDict(OrderedDict[str, Any]):
    """An ordered mapping of names to tensors, with the version of each module beside it."""

    _metadata: OrderedDict[str, dict[str, Any]]


class Stateful:
    """The part of `Module` that gives its parameters and buffers by name and takes them back."""

    _version: int = 1
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]
    _state_dict_hooks: Hooks
    _state_dict_pre_hooks: Hooks
    _load_state_dict_pre_hooks: Hooks
    _load_state_dict_post_hooks: Hooks

    def get_extra_state(self) -> Any:
        """Whatever else the `state_dict` should hold; override it with `set_extra_state`."""
        raise RuntimeError(f"{type(self).__name__} has no extra state: get_extra_state was called")

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave."""
        raise RuntimeError(f"{type(self).__name__} has no extra state: set_extra_state was called")

    def state_dict(
        self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """The parameters and persistent buffers of this module and all below it, by name.

        Args:
            destination: a mapping to fill and return. Default: a new one.
            prefix: put before every name. Default: "".
            keep_vars: give the tensors themselves instead of detached ones. Default: False.
        """
        if destination is None:
            destination = StateDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in self._state_dict_hooks.values():
            changed = hook(self, destination, prefix, local_metadata)
            if changed is None:
                continue
            if getattr(hook, "_from_public_api", False):
                raise RuntimeError("state_dict post-hook must return None")
            destination = changed
        return cast("dict[str, Any]", destination)

    def _save_to_state_dict(
        self, destination: dict[str, Any], prefix: str, keep_vars: bool
    ) -> None:
        """Put this module's own tensors, not those of its children, into `destination`."""
        for name, value in self._persistent_state().items():
            destination[prefix + name] = value if keep_vars else value.detach()
        if type(self).get_extra_state is not Stateful.get_extra_state:
            destination[prefix + _EXTRA_STATE] = self.get_extra_state()

    def _persistent_state(self) -> dict[str, Tensor]:
        state: dict[str, Tensor] = {k: v for k, v in self._parameters.items() if v is not None}
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers_set:
                state[name] = buffer
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy the values of `state_dict` into this module and all below it.

        Args:
            state_dict: names and tensors, as `state_dict()` gives them.
            strict: whether a missing or an unexpected name is an error. Default: True.
            assign: take the tensors themselves, with their dtype and device, instead of copying
                their values; `requires_grad` stays the parameter's. Default: False.

        Raises:
            TypeError: `state_dict` is not a mapping.
            RuntimeError: names (if strict) or shapes do not fit; the message lists all of them.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", None)
        state = StateDict(state_dict)
        if metadata is not None:
            state._metadata = metadata
        found = IncompatibleKeys([], [])
        errors: list[str] = []

        def load(module: Module, local: dict[str, Any], prefix: str) -> None:
            local_metadata = {} if metadata is None else metadata.get(prefix[:-1], {})
            if assign:
                local_metadata["assign_to_params_buffers"] = assign
            module._load_from_state_dict(local, prefix, local_metadata, True, *found, errors)
            for name, child in module._modules.items():
                if child is not None:
                    below = f"{prefix}{name}."
                    load(child, {k: v for k, v in local.items() if k.startswith(below)}, below)
            for hook in module._load_state_dict_post_hooks.values():
                if hook(module, found) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not "
                        "expected to return new values, if incompatible_keys need to be modified, "
                        "it should be done inplace."
                    )

        load(cast("Module", self), state, "")
        if strict:
            errors[:0] = [
                *_key_errors("Missing", found.missing_keys),
                *_key_errors("Unexpected", found.unexpected_keys),
            ]
        if errors:
            listed = "\n\t".join(errors)
            name = type(self).__name__
            raise RuntimeError(f"Error(s) in loading state_dict for {name}:\n\t{listed}")
        return found

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Take this module's own tensors, not those of its children, from `state_dict`."""
        for hook in self._load_state_dict_pre_hooks.values():
            hook(
                state_dict,
                prefix,
                local_metadata,
                strict,
                missing_keys,
                unexpected_keys,
                error_msgs,
            )
        assign = local_metadata.get("assign_to_params_buffers", False)
        own = self._persistent_state()
        for name, target in own.items():
            key = prefix + name
            if key in state_dict:
                self._load_one(name, target, key, state_dict[key], assign, error_msgs)
            elif strict:
                missing_keys.append(key)
        extra = prefix + _EXTRA_STATE
        if type(self).set_extra_state is not Stateful.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        if strict:
            unexpected_keys += [
                key
                for key in state_dict
                if key.startswith(prefix) and key != extra and not self._knows(key, prefix, own)
            ]

    def _knows(self, key: str, prefix: str, own: dict[str, Tensor]) -> bool:
        name, dot, _ = key[len(prefix) :].partition(".")
        return name in self._modules if dot else name in own

    def _load_one(
        self, name: str, target: Tensor, key: str, value: Any, assign: bool, errors: list[str]
    ) -> None:
        if not isinstance(value, Tensor):
            errors.append(
                f'While copying the parameter named "{key}", expected dlf.Tensor or Tensor-like '
                f"object from checkpoint but received {type(value)}"
            )
            return
        if len(target.shape) == 0 and tuple(value.shape) == (1,):
            value = value[0]
        if value.shape != target.shape:
            errors.append(
                f"size mismatch for {key}: copying a param with shape {value.shape} from "
                f"checkpoint, the shape in current model is {target.shape}."
            )
            return
        try:
            with dlf.no_grad():
                if assign:
                    setattr(self, name, _as_kind_of(target, value))
                else:
                    target.copy_(value)
        except Exception as error:
            errors.append(
                f'While copying the parameter named "{key}", whose dimensions in the model are '
                f"{target.size()} and whose dimensions in the checkpoint are {value.size()}, an "
                f"exception occurred : {error.args}."
            )

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously "
                "registered via register_state_dict_post_hook"
            )
        return _add(self._state_dict_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after `state_dict()`."""
        hook._from_public_api = True  # type: ignore[attr-defined]  # functions take attributes
        return _add(self._state_dict_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before `state_dict()`."""
        return _add(self._state_dict_pre_hooks, hook)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., None], with_module: bool = False
    ) -> RemovableHandle:
        return _add(self._load_state_dict_pre_hooks, partial(hook, self) if with_module else hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call `hook` before this module takes its own values from a state dict.

        `hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs)` may change `state_dict` and the lists in place.
        """
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def register_load_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after this module and its children have loaded."""
        return _add(self._load_state_dict_post_hooks, hook)


def _add(hooks: Hooks, hook: Callable[..., Any]) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


def _key_errors(kind: str, keys: list[str]) -> list[str]:
    listed = ", ".join(f'"{key}"' for key in keys)
    return [f"{kind} key(s) in state_dict: {listed}. "] if keys else []


def _as_kind_of(target: Tensor, value: Tensor) -> Tensor:
    """`value` as a Parameter with the `requires_grad` of `target`, where that is one."""
    if not isinstance(target, Parameter):
        return value
    if not isinstance(value, Parameter):
        return Parameter(value, requires_grad=target.requires_grad)
    return value.requires_grad_(target.requires_grad)
