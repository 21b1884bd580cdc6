"""How error messages name types and modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlf.tensor import Tensor

if TYPE_CHECKING:
    from dlf.nn.module import Module

__all__ = ["name_module", "typename"]


def typename(value: object) -> str:
    """The name of the type of `value` with its module, short for tensors and built-in types."""
    if type(value) is Tensor:
        return "dlf.Tensor"
    kind = type(value)
    prefix = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return prefix + kind.__qualname__


def name_module(error: Exception, module: Module) -> None:
    """Keep a note on `error` that names the failing module and its path below `module`.

    Called by each module that `error` passes on its way out, innermost first, so the path grows
    from the leaf to the root; the last call leaves the whole path.
    """
    failing, inner, path = error.__dict__.get("_dlf_module", (module, module, ""))
    if module is not inner:
        step = next((name for name, child in module.named_modules() if child is inner), None)
        if step is None:
            return
        path = f"{step}.{path}" if path else step
    where = f"'{path}' of {module._get_name()}" if path else "the outermost module"
    error.__dict__["_dlf_module"] = (failing, module, path)
    notes: list[str] = error.__dict__.setdefault("__notes__", [])
    notes[:] = [note for note in notes if not note.startswith("in the forward of ")]
    notes.append(f"in the forward of {failing._get_name()}({failing.extra_repr()}), {where}")
