"""Hooks of a `Module`: their registration, and the call of a module that has some."""

from __future__ import annotations

import itertools
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import ref

from dlf.tensor import Tensor

if TYPE_CHECKING:
    from dlf.nn.module import Module

__all__ = ["HookedCalls", "RemovableHandle"]

Hook = Callable[..., Any]
Hooks = OrderedDict[int, Hook]
Gradients = tuple[Tensor | None, ...]
_ids = itertools.count()


class RemovableHandle:
    """What a registration returns: `remove()` (or leaving a `with`) takes the hook away."""

    def __init__(self, hooks: Hooks, *flags: OrderedDict[int, bool]) -> None:
        self.id = next(_ids)
        # Weak, so that a handle does not keep its module alive.
        self._stores: list[ref[OrderedDict[int, Any]]] = [ref(hooks), *map(ref, flags)]

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        for store in self._stores:
            alive = store()
            if alive is not None:
                alive.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


class HookedCalls:
    """The part of `Module` that registers forward and backward hooks."""

    # True on a module that has hooks. Hooks on all modules set it on the class instead, so that
    # a call without hooks looks up this one attribute.
    _hooked: bool = False
    _forward_pre_hooks: Hooks
    _forward_pre_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks: Hooks
    _forward_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks_always_called: OrderedDict[int, bool]
    _backward_pre_hooks: Hooks
    _backward_hooks: Hooks

    def _add_hook(
        self, hooks: Hooks, hook: Hook, prepend: bool, *flags: tuple[OrderedDict[int, bool], bool]
    ) -> RemovableHandle:
        handle = RemovableHandle(hooks, *(store for store, _ in flags))
        hooks[handle.id] = hook
        for store, wanted in flags:
            if wanted:
                store[handle.id] = True
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        self.__dict__["_hooked"] = True
        return handle

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args) -> None or new args` before every `forward`.

        Args:
            hook: may return one value or a tuple, which replaces the positional arguments.
            prepend: run it before the hooks that are there already.
            with_kwargs: call `hook(module, args, kwargs) -> None or (args, kwargs)` instead.
        """
        kwargs_flag = (self._forward_pre_hooks_with_kwargs, with_kwargs)
        return self._add_hook(self._forward_pre_hooks, hook, prepend, kwargs_flag)

    def register_forward_hook(
        self,
        hook: Hook,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output) -> None or new output` after every `forward`.

        Args:
            hook: what it returns, if not None, replaces the output.
            prepend: run it before the hooks that are there already.
            with_kwargs: call `hook(module, args, kwargs, output)` instead.
            always_call: run it also when `forward` or another hook raised.
        """
        return self._add_hook(
            self._forward_hooks,
            hook,
            prepend,
            (self._forward_hooks_with_kwargs, with_kwargs),
            (self._forward_hooks_always_called, always_call),
        )

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output) -> None or new grad_output` before the backward."""
        return self._add_hook(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output) -> None or new grad_input` after it.

        Both are tuples with one entry per positional tensor argument or output; an entry is None
        where there is no gradient.
        """
        return self._add_hook(self._backward_hooks, hook, prepend)


# Hooks that run for every module, before a module's own.
_global_forward_pre_hooks: Hooks = OrderedDict()
_global_forward_hooks: Hooks = OrderedDict()
_global_forward_with_kwargs: OrderedDict[int, bool] = OrderedDict()
_global_forward_always_called: OrderedDict[int, bool] = OrderedDict()
_global_backward_pre_hooks: Hooks = OrderedDict()
_global_backward_hooks: Hooks = OrderedDict()


def _add_global(
    hooks: Hooks, hook: Hook, *flags: tuple[OrderedDict[int, bool], bool]
) -> RemovableHandle:
    handle = RemovableHandle(hooks, *(store for store, _ in flags))
    hooks[handle.id] = hook
    for store, wanted in flags:
        if wanted:
            store[handle.id] = True
    HookedCalls._hooked = True
    return handle


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, args)` before the `forward` of every module."""
    return _add_global(_global_forward_pre_hooks, hook)


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call `hook(module, args, output)` after the `forward` of every module."""
    kwargs_flag = (_global_forward_with_kwargs, with_kwargs)
    always_flag = (_global_forward_always_called, always_call)
    return _add_global(_global_forward_hooks, hook, kwargs_flag, always_flag)


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, grad_output)` before the backward of every module."""
    return _add_global(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` after the backward of every module."""
    return _add_global(_global_backward_hooks, hook)


def call_with_hooks(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call `module.forward` with its hooks and those of all modules around it."""
    _forget_unused_flags(module)
    called: set[int] = set()
    result: Any = None
    try:
        args, kwargs = _run_forward_pre_hooks(module, args, kwargs)
        boundary = _BackwardBoundary.of(module)
        if boundary is not None:
            args = boundary.enter(args)
        result = module.forward(*args, **kwargs)
        result = _run_forward_hooks(module, args, kwargs, result, called)
        return result if boundary is None else boundary.leave(result)
    except Exception:
        _run_missed_hooks(module, args, kwargs, result, called)
        raise


def _forget_unused_flags(module: Module) -> None:
    """Make calls plain again where the last hook has been removed."""
    if not (
        _global_forward_pre_hooks
        or _global_forward_hooks
        or _global_backward_pre_hooks
        or _global_backward_hooks
    ):
        HookedCalls._hooked = False
    if not (
        module._forward_pre_hooks
        or module._forward_hooks
        or module._backward_pre_hooks
        or module._backward_hooks
    ):
        module.__dict__.pop("_hooked", None)


def _run_forward_pre_hooks(
    module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    own = module._forward_pre_hooks
    for key, hook in (*_global_forward_pre_hooks.items(), *own.items()):
        if key not in module._forward_pre_hooks_with_kwargs:
            new_args = hook(module, args)
            if new_args is not None:
                args = new_args if isinstance(new_args, tuple) else (new_args,)
            continue
        changed = hook(module, args, kwargs)
        if changed is None:
            continue
        if not (isinstance(changed, tuple) and len(changed) == 2):
            raise RuntimeError(
                "forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got "
                f"{changed}."
            )
        args, kwargs = changed
    return args, kwargs


def _run_forward_hooks(
    module: Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    called: set[int],
) -> Any:
    for key, hook in (*_global_forward_hooks.items(), *module._forward_hooks.items()):
        called.add(key)
        changed = _call_forward_hook(module, key, hook, args, kwargs, result)
        if changed is not None:
            result = changed
    return result


def _call_forward_hook(
    module: Module,
    key: int,
    hook: Hook,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
) -> Any:
    if key in module._forward_hooks_with_kwargs or key in _global_forward_with_kwargs:
        return hook(module, args, kwargs, result)
    return hook(module, args, result)


def _run_missed_hooks(
    module: Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    called: set[int],
) -> None:
    """Run the `always_call` hooks that an error kept from being run."""
    for key, hook in (*_global_forward_hooks.items(), *module._forward_hooks.items()):
        always = key in module._forward_hooks_always_called or key in _global_forward_always_called
        if not always or key in called:
            continue
        try:
            changed = _call_forward_hook(module, key, hook, args, kwargs, result)
        except Exception as error:
            warnings.warn(
                "module forward hook with ``always_call=True`` raised an exception that was "
                f"silenced as another error was raised in forward: {error}",
                stacklevel=4,
            )
            continue
        if changed is not None:
            result = changed


class _BackwardBoundary:
    """Runs a module's backward hooks where its gradient enters and leaves it."""

    def __init__(self, module: Module, pre_hooks: list[Hook], hooks: list[Hook]) -> None:
        self.module = module
        self.pre_hooks = pre_hooks
        self.hooks = hooks
        self.grad_output: Gradients | None = None
        # Shape, dtype and device of each input, None for one that is no tensor.
        self.inputs: list[tuple[Any, Any, Any] | None] = []
        self.inputs_differentiable = False

    @classmethod
    def of(cls, module: Module) -> _BackwardBoundary | None:
        """The boundary of `module`, or None where it has no backward hooks."""
        pre_hooks = [*_global_backward_pre_hooks.values(), *module._backward_pre_hooks.values()]
        hooks = [*_global_backward_hooks.values(), *module._backward_hooks.values()]
        return cls(module, pre_hooks, hooks) if pre_hooks or hooks else None

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Pass the tensors among `args` through a boundary that sees the input gradients."""
        self.inputs = [
            (value.shape, value.dtype, value.device) if isinstance(value, Tensor) else None
            for value in args
        ]
        passed = _cross(args, self._on_input_gradient)
        self.inputs_differentiable = passed is not None
        return args if passed is None else passed

    def leave(self, result: Any) -> Any:
        """Pass the tensors of `result` through a boundary that sees the output gradients."""
        if not isinstance(result, (Tensor, tuple)):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of "
                f"Tensors but received {type(result)}",
                stacklevel=4,
            )
            return result
        outputs = (result,) if isinstance(result, Tensor) else result
        passed = _cross(outputs, self._on_output_gradient)
        if passed is None:
            return result
        if isinstance(result, Tensor):
            return passed[0]
        return type(result)(*passed) if hasattr(result, "_fields") else passed

    def _on_output_gradient(self, grads: Gradients) -> Gradients:
        for hook in self.pre_hooks:
            changed = hook(self.module, grads)
            if changed is not None:
                grads = _replaced(changed, grads, "full backward pre", "grad_output")
        self.grad_output = grads
        if not self.inputs_differentiable and self.hooks:
            # Nothing else will report the end of the backward.
            warnings.warn(
                "Full backward hook is firing when gradients are computed with respect to module "
                "outputs since no inputs require gradients.",
                stacklevel=2,
            )
            self._run_hooks((None,) * len(self.inputs))
        return grads

    def _on_input_gradient(self, grads: Gradients) -> Gradients:
        import dlf

        full = tuple(
            dlf.zeros(like[0], dtype=like[1], device=like[2])
            if grad is None and like is not None
            else grad
            for grad, like in zip(grads, self.inputs, strict=True)
        )
        return self._run_hooks(full)

    def _run_hooks(self, grads: Gradients) -> Gradients:
        for hook in self.hooks:
            changed = hook(self.module, grads, self.grad_output)
            if changed is None:
                continue
            if not self.inputs_differentiable:
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients."
                )
            grads = _replaced(changed, grads, "full backward", "grad_input")
        self.grad_output = None
        return grads


def _replaced(changed: Any, grads: Gradients, kind: str, name: str) -> Gradients:
    new = changed if isinstance(changed, tuple) else (changed,)
    if len(new) != len(grads):
        raise RuntimeError(
            f"a {kind} hook returned an incompatible number of {name}: got {len(new)}, but "
            f"expected {len(grads)}"
        )
    return new


def _cross(
    values: tuple[Any, ...], on_gradient: Callable[[Gradients], Gradients]
) -> tuple[Any, ...] | None:
    """`values`, with those that require grad passed through a `Boundary`; None if there are none.

    `on_gradient` takes and gives one gradient for each of `values`, None where there is none.
    """
    from dlf import is_grad_enabled
    from dlf.nn._boundary import Boundary

    places = [i for i, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad]
    if not places or not is_grad_enabled():
        return None

    def on_some(grads: Gradients) -> Gradients:
        full: list[Tensor | None] = [None] * len(values)
        for i, grad in zip(places, grads, strict=True):
            full[i] = grad
        changed = on_gradient(tuple(full))
        return tuple(changed[i] for i in places)

    passed = list(values)
    crossed = Boundary.apply(on_some, *(values[i] for i in places))
    for i, tensor in zip(places, crossed, strict=True):
        passed[i] = tensor
    return tuple(passed)
