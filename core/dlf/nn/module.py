"""`Module`, the base class of all layers and models."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Self

import dlf
from dlf.nn._names import name_module, typename
from dlf.nn.hooks import HookedCalls, call_with_hooks
from dlf.nn.parameter import Buffer, Parameter
from dlf.nn.state import Stateful
from dlf.tensor import Tensor

__all__ = ["Module"]

_HOOK_STORES = (
    "_backward_pre_hooks",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


def _forward_unimplemented(self: Module, *input: Any) -> None:
    """Compute the output; every subclass gives its own."""
    raise NotImplementedError(
        f'Module [{type(self).__name__}] is missing the required "forward" function'
    )


class Module(HookedCalls, Stateful):
    """Base class of all layers and models.

    Parameters, buffers and modules that are assigned as attributes are registered: they are
    moved, listed, saved and loaded with the module. A subclass calls `super().__init__()` first
    and gives a `forward`; call the module itself rather than `forward`, so that hooks run.

    Attributes:
        training: whether the module is in training mode; True at first.
    """

    training: bool
    call_super_init: bool = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init and kwargs:
            raise TypeError(
                f"{type(self).__name__}.__init__() got an unexpected keyword argument "
                f"'{next(iter(kwargs))}'"
            )
        if not self.call_super_init and args:
            raise TypeError(
                f"{type(self).__name__}.__init__() takes 1 positional argument but "
                f"{len(args) + 1} were given"
            )
        # Past __setattr__, which looks for these stores.
        attributes = self.__dict__
        attributes["training"] = True
        attributes["_parameters"] = {}
        attributes["_buffers"] = {}
        attributes["_modules"] = {}
        attributes["_non_persistent_buffers_set"] = set()
        for name in _HOOK_STORES:
            attributes[name] = OrderedDict()
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    # A value rather than a method, so that subclasses may choose the parameters.
    forward: Callable[..., Any] = _forward_unimplemented

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._hooked:
                return call_with_hooks(self, args, kwargs)
            return self.forward(*args, **kwargs)
        except Exception as error:
            name_module(error, self)
            raise

    # Registration

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under `name`; None reserves the name.

        Raises:
            KeyError: the name is taken, empty, or has a dot in it.
            TypeError: `param` is not a Parameter.
            ValueError: `param` has a history; a parameter is a leaf.
        """
        self._check_name("parameter", "_parameters", name)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{typename(param)}' object to parameter '{name}' (dlf.nn.Parameter "
                "or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be "
                f"created explicitly. To express '{name}' as a function of another Tensor, compute "
                "the value in the forward() method."
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not a parameter, such as a running mean.

        Args:
            name: its attribute name.
            tensor: its value; None reserves the name.
            persistent: whether it is part of the `state_dict`. Default: True.

        Raises:
            KeyError: the name is taken, empty, or has a dot in it.
            TypeError: `tensor` is not a Tensor.
        """
        self._check_name("buffer", "_buffers", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' (dlf Tensor or None "
                "required)"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Add a child module under `name`; the same as `add_module`."""
        self.add_module(name, module)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module under `name`.

        Raises:
            KeyError: the name is taken, empty, or has a dot in it.
            TypeError: `module` is not a Module.
        """
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{typename(module)} is not a Module subclass")
        self._check_name("module", "_modules", name)
        self._modules[name] = module

    def _check_name(self, kind: str, store: str, name: str) -> None:
        attributes = self.__dict__
        if store not in attributes:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
        if name not in attributes[store] and (
            name in attributes
            or name in self._parameters
            or name in self._buffers
            or name in self._modules
            or hasattr(type(self), name)
        ):
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            shown = f", got: {name}" if kind == "module" else ""
            raise KeyError(f'{kind} name can\'t contain "."{shown}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')

    def __setattr__(self, name: str, value: Any) -> None:
        attributes = self.__dict__
        parameters = attributes.get("_parameters")
        if isinstance(value, Parameter):
            if parameters is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, "_buffers", "_modules")
            self.register_parameter(name, value)
        elif parameters is not None and name in parameters:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' (dlf.nn.Parameter or "
                    "None expected)"
                )
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            if "_modules" not in attributes:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, "_parameters", "_buffers")
            self._modules[name] = value
        elif name in attributes.get("_modules", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' (dlf.nn.Module or "
                    "None expected)"
                )
            self._modules[name] = value
        elif isinstance(value, Buffer) or name in attributes.get("_buffers", ()):
            self._set_buffer(name, value)
        else:
            super().__setattr__(name, value)

    def _set_buffer(self, name: str, value: Any) -> None:
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(
                f"cannot assign '{typename(value)}' as buffer '{name}' (dlf.nn.Buffer, dlf.Tensor "
                "or None expected)"
            )
        if isinstance(value, Buffer):
            self.register_buffer(name, value, value.persistent)
        else:
            self.register_buffer(name, value, name not in self._non_persistent_buffers_set)

    def _forget(self, name: str, *stores: str) -> None:
        self.__dict__.pop(name, None)
        for store in stores:
            self.__dict__[store].pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __getattr__(self, name: str) -> Any:
        attributes = self.__dict__
        for store in ("_parameters", "_buffers", "_modules"):
            if store in attributes and name in attributes[store]:
                return attributes[store][name]
        mover = None if name.startswith("_") else self._device_mover(name)
        if mover is not None:
            return mover
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def _device_mover(self, device_type: str) -> Callable[..., Module] | None:
        """`module.NAME(index=None)` for every registered device type NAME."""
        from dlf.plugin.host import get_host

        if "_parameters" not in self.__dict__:
            return None
        if all(spec.device_type != device_type for spec, _ in get_host().backend_specs()):
            return None

        def move(device: Any = None) -> Module:
            target = dlf.device(device_type, device) if isinstance(device, int) else device
            return self.to(device_type if target is None else target)

        return move

    def __delattr__(self, name: str) -> None:
        if name in self._parameters:
            del self._parameters[name]
        elif name in self._buffers:
            del self._buffers[name]
            self._non_persistent_buffers_set.discard(name)
        elif name in self._modules:
            del self._modules[name]
        else:
            super().__delattr__(name)

    def __dir__(self) -> list[str]:
        names = [*dir(type(self)), *self.__dict__, *self._parameters, *self._modules]
        return sorted(name for name in (*names, *self._buffers) if not name[0].isdigit())

    # Listing

    def _named_members(
        self,
        members_of: Callable[[Module], Any],
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in modules:
            for name, member in members_of(module):
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield f"{path}.{name}" if path else name, member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Names and parameters of this module and, if `recurse`, of all below it.

        A parameter that stands under several names comes once unless `remove_duplicate` is False.
        """
        return self._named_members(
            lambda module: module._parameters.items(), prefix, recurse, remove_duplicate
        )

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and, if `recurse`, of all below it."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Names and buffers of this module and, if `recurse`, of all below it."""
        return self._named_members(
            lambda module: module._buffers.items(), prefix, recurse, remove_duplicate
        )

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers of this module and, if `recurse`, of all below it."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Names and modules directly below this one, each module once."""
        seen: set[Module] = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules directly below this one, each once."""
        for _, module in self.named_children():
            yield module

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Paths and modules from this one (path `prefix`) down, in the order of assignment."""
        seen = set() if memo is None else memo
        if self in seen:
            return
        if remove_duplicate:
            seen.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(seen, path, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    # Look-up by path

    def get_submodule(self, target: str) -> Module:
        """The module at the dotted path `target`; this one for "".

        Raises:
            AttributeError: a part of the path does not exist or is not a Module.
        """
        module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
            child = getattr(module, name)
            if not isinstance(child, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
            module = child
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put `module` at the dotted path `target`.

        Args:
            target: the path; all but its last part must exist.
            module: the new module.
            strict: refuse to add a name that is not there yet. Default: False.

        Raises:
            ValueError: `target` is empty or `module` is not a Module.
            AttributeError: the path does not exist, or holds something else than a Module.
        """
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if hasattr(parent, name):
            if not isinstance(getattr(parent, name), Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        elif strict:
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at the dotted path `target`, or AttributeError."""
        path, _, name = target.rpartition(".")
        value = self.get_submodule(path)._attribute(name)
        if not isinstance(value, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return value

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at the dotted path `target`, or AttributeError."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        value = module._attribute(name)
        if name not in module._buffers or not isinstance(value, Tensor):
            raise AttributeError(f"`{name}` is not a buffer")
        return value

    def _attribute(self, name: str) -> Any:
        if not hasattr(self, name):
            raise AttributeError(f"{self._get_name()} has no attribute `{name}`")
        return getattr(self, name)

    # Changing all tensors at once

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replace every parameter, gradient and buffer by `fn` of it; parameters stay the same
        objects, so that an optimizer goes on seeing them."""
        if recurse:
            for child in self.children():
                child._apply(fn)
        for parameter in self._parameters.values():
            if parameter is None:
                continue
            grad = parameter.grad
            with dlf.no_grad():
                parameter.data = fn(parameter)
                if grad is not None:
                    parameter.grad = fn(grad).requires_grad_(grad.requires_grad)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Call `fn` on every module below this one, children first, and then on this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move all parameters and buffers: `to(device, dtype)`, `to(dtype)` or `to(tensor)`.

        Only floating-point and complex ones change their dtype. The module changes in place.

        Raises:
            TypeError: the dtype is not floating-point or complex.
        """
        device, dtype, non_blocking = _parse_to(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                f"dtype={dtype}"
            )

        def convert(tensor: Tensor) -> Tensor:
            wanted = dtype if tensor.is_floating_point() or tensor.is_complex() else None
            moved: Tensor = tensor.to(
                device or tensor.device, wanted or tensor.dtype, non_blocking=non_blocking
            )
            return moved

        return self._apply(convert)

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Move all parameters and buffers to `device` without their values."""
        return self._apply(lambda tensor: dlf.empty_like(tensor, device=device), recurse)

    def cpu(self) -> Self:
        """Move all parameters and buffers to the host's memory."""
        return self._apply(lambda tensor: tensor.cpu())

    def type(self, dst_type: Any) -> Self:
        """Cast all parameters and buffers to `dst_type`."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def _cast_floating(self, dtype: dlf.dtype) -> Self:
        return self._apply(lambda t: t.to(dtype) if t.is_floating_point() else t)

    def float(self) -> Self:
        """Cast all floating-point parameters and buffers to float32."""
        return self._cast_floating(dlf.float32)

    def double(self) -> Self:
        """Cast all floating-point parameters and buffers to float64."""
        return self._cast_floating(dlf.float64)

    def half(self) -> Self:
        """Cast all floating-point parameters and buffers to float16."""
        return self._cast_floating(dlf.float16)

    def bfloat16(self) -> Self:
        """Cast all floating-point parameters and buffers to bfloat16."""
        return self._cast_floating(dlf.bfloat16)

    def train(self, mode: bool = True) -> Self:
        """Set training mode (or evaluation mode, if `mode` is False) here and below."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode here and below."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set whether the parameters here and below collect gradients."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
        for parameter in self.parameters():
            grad = parameter.grad
            if grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                parameter.grad = dlf.zeros_like(grad)

    # Text and copies

    def _get_name(self) -> str:
        return self.__class__.__name__

    def extra_repr(self) -> str:
        """What stands between the parentheses of this module's own line in its repr."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        children = [
            f"({name}): " + _indent_rest(repr(module)) for name, module in self._modules.items()
        ]
        if not extra_lines and not children:
            return f"{self._get_name()}()"
        if len(extra_lines) == 1 and not children:
            return f"{self._get_name()}({extra_lines[0]})"
        lines = "\n  ".join([*extra_lines, *children])
        return f"{self._get_name()}(\n  {lines}\n)"

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in _HOOK_STORES:
            self.__dict__.setdefault(name, OrderedDict())
        self.__dict__.setdefault("_non_persistent_buffers_set", set())


def _indent_rest(text: str) -> str:
    """`text` with all lines but the first moved right by two."""
    return text.replace("\n", "\n  ")


def _parse_to(
    *args: Any,
    device: Any = None,
    dtype: Any = None,
    tensor: Tensor | None = None,
    other: Tensor | None = None,
    non_blocking: bool = False,
    memory_format: object = None,
) -> tuple[Any, Any, bool]:
    rest = list(args)
    like = tensor if tensor is not None else other
    if rest and isinstance(rest[0], Tensor):
        like = rest.pop(0)
    if like is not None:
        device, dtype = like.device, like.dtype
    elif rest and isinstance(rest[0], dlf.dtype):
        dtype = rest.pop(0)
    elif rest:
        device = rest.pop(0)
        if rest and (rest[0] is None or isinstance(rest[0], dlf.dtype)):
            dtype = rest.pop(0)
    if rest:
        non_blocking = rest.pop(0)
    misplaced = dtype is not None and not isinstance(dtype, dlf.dtype)
    if rest or misplaced or not isinstance(non_blocking, bool):
        raise TypeError(
            "to() received an invalid combination of arguments; expected (device, dtype, "
            "non_blocking), (dtype, non_blocking) or (tensor, non_blocking)"
        )
    return None if device is None else dlf.device(device), dtype, non_blocking
