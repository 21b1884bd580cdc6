"""A hook that raises half-way leaves nothing behind: no op, no command, no changed class of dlf.

dlf takes back what a hook registered; it cannot take back what a plugin did behind its back, such
as declaring ops when its module is imported, or replacing methods of `Tensor`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import wraps
from inspect import signature
from types import ModuleType
from typing import Any

import click

import dlf
import dlf.nn
import dlf.optim
from dlf.device_modules import bound
from dlf.plugin.discovery import Found
from dlf.plugin.host import Host
from dlf.plugin.target import load_target
from dlf.registry import registry

from .finding import Finding, error, ok
from .importing import HOOKS
from .loaded import plugin_of
from .subject import Subject

__all__ = ["check"]

_STAND_IN = "_dlf_plugin_check_stand_in"


class _HalfwayError(Exception):
    """Raised in the middle of a hook."""


def check(subject: Subject, name: str, module: str) -> Iterator[Finding]:
    """The plugin `name` of `subject`, whose entry point names `module`."""
    before = _state()
    plugin_of(subject, name, module)
    left = _differences(before)
    for text in left:
        yield error(
            "rollback", f"importing {module} {text}", "do it in the hook dlf_ops or dlf_cli"
        )
    source, before = load_target(module), _state()
    hooks = [hook for hook in HOOKS[:] if hasattr(getattr(source, hook, None), "dlf_impl")]
    for hook in hooks:
        found = Found(name, _stand_in(source, hook), subject.distribution, subject.version)
        group = _Group("dlf", failing=hook == "dlf_cli")
        given = _use(Host(lambda found=found: [found]), group, hook)  # type: ignore[misc]  # bound now
        for text in [*_differences(before), *given]:
            left.append(text)
            todo = "register only through what the hook gets and returns"
            yield error("rollback", f"{hook} that raises half-way {text}", todo)
    if not left:
        yield ok("rollback", f"nothing stays behind if a hook raises: {', '.join(hooks)}")


def _stand_in(source: Any, raising: str) -> str:
    """The name of a module with `source`'s hooks for listings, `raising` raising at its end.

    Of the other hooks dlf_ops and dlf_cli are left out: what they register is meant to stay.
    """
    module = ModuleType(_STAND_IN)
    for hook in HOOKS:
        member = getattr(source, hook, None)
        if not hasattr(member, "dlf_impl"):
            continue
        if hook == raising:
            setattr(module, hook, _raising(member))
        elif hook in ("dlf_backends", "dlf_kernels", "dlf_optimizers", "dlf_datasets"):
            setattr(module, hook, member)
    sys.modules[_STAND_IN] = module
    return _STAND_IN


def _raising(hook: Any) -> Any:
    """A hook of the same parameters that does the same and then raises."""

    @wraps(hook)
    def call(*values: Any) -> None:
        hook(*values)
        raise _HalfwayError(f"{hook.__name__}, by dlf plugin check")

    # pluggy gives a hook the arguments that its signature names.
    call.__signature__ = signature(hook)  # type: ignore[attr-defined]  # functions may have one
    return call


class _Group(click.Group):
    """A group; a `failing` one raises when it has got its first command."""

    def __init__(self, name: str, failing: bool) -> None:
        super().__init__(name)
        self.failing = failing

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        super().add_command(cmd, name)
        if self.failing:
            raise _HalfwayError("raised after the first command")


def _use(host: Host, group: _Group, raising: str) -> list[str]:
    """Let `host` ask the stand-in for everything; what it still gives afterwards."""

    def fail(op: Any) -> None:
        raise _HalfwayError(f"raised after the op '{op.name}'")

    if raising == "dlf_ops":
        registry.listeners.append(fail)
    try:
        host.records()
        host.register_ops(registry)
        host.extend_cli(group)
        if raising == "dlf_conform_cases":
            host.conform_cases(dlf.device("cpu"))
    finally:
        if raising == "dlf_ops":
            registry.listeners.remove(fail)
    given = {
        "device type": [spec.device_type for spec, _ in host.backend_specs()],
        "optimizer": list(host.optimizers()),
        "dataset": list(host.datasets()),
        "command": list(group.commands),
    }
    return [f"leaves the {kind} '{name}'" for kind, names in given.items() for name in names]


def _state() -> dict[str, dict[str, int]]:
    """What a plugin could have changed behind dlf's back: a name and an identity for each."""
    return {
        "op": {op.name: id(op) for op in registry},
        "dlf.": {key: id(value) for key, value in vars(dlf).items()},
        "dlf.Tensor.": {
            key: id(value) for key, value in vars(dlf.Tensor).items() if key not in bound
        },
        "dlf.nn.Module.": {key: id(value) for key, value in vars(dlf.nn.Module).items()},
    }


def _differences(before: dict[str, dict[str, int]]) -> list[str]:
    now, found = _state(), []
    for name in now["op"].keys() - before["op"].keys():
        found.append(f"leaves the op '{name}'")
    for place in ("dlf.", "dlf.Tensor.", "dlf.nn.Module."):
        for name, value in before[place].items():
            if now[place].get(name) != value:
                found.append(f"leaves {place}{name} changed")
        # dlf itself puts what it loads late among its own names.
        if place != "dlf.":
            for name in now[place].keys() - before[place].keys():
                found.append(f"leaves a new {place}{name}")
    return sorted(found)
