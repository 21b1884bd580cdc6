"""What the plugin gives, devices aside: each can be loaded, and is what it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from dlf.plugin import PluginState
from dlf.plugin.loading import Plugin
from dlf.plugin.starting import start_kernels
from dlf.plugin.target import describe, load_target

from .finding import Finding, error, ok, warning
from .loaded import NAMES, plugin_of, unknown_ops
from .subject import Subject

__all__ = ["check"]

_LOAD = "the text after load= must be 'package.module:Name', and the module importable"


def check(subject: Subject, name: str, module: str) -> Iterator[Finding]:
    """The plugin `name` of `subject`, whose entry point names `module`."""
    plugin = plugin_of(subject, name, module)
    yield from _ops(plugin)
    yield from _kernels(plugin)
    for title, target in plugin.optimizers.items():
        yield _loaded(f"optimizer '{title}'", target, _optimizer)
    for title, spec in plugin.datasets.items():
        yield _loaded(f"dataset '{title}'", spec.load, _dataset)
    yield from _commands(plugin)


def _ops(plugin: Plugin) -> Iterator[Finding]:
    import dlf.nn  # declares its ops, as does
    import dlf.optim  # noqa: F401
    from dlf.registry import registry

    before = len(registry)
    try:
        plugin.call("dlf_ops", registry=registry)
    except BaseException as problem:  # SystemExit as well
        todo = "mend that; dlf takes back the ops that it declared"
        yield error("targets", f"dlf_ops failed: {describe(problem)}", todo)
        return
    for op in list(registry)[before:]:
        if op.decomposes:
            yield ok("targets", f"op {op.signature}")
        else:
            todo = "declare it by dlf.registry.composite"
            text = f"op '{op.name}' has no decomposition, so only devices with a kernel run it"
            yield warning("targets", text, todo)


def _kernels(plugin: Plugin) -> Iterator[Finding]:
    for spec in plugin.kernels:
        loaded = start_kernels(spec, plugin.record)
        if loaded is None:
            here = plugin.record.state is PluginState.UNAVAILABLE
            todo = "install what it needs to check the rest" if here else _LOAD
            yield (warning if here else error)("targets", plugin.record.reason, todo)
            continue
        wrong = unknown_ops(loaded.kernels)
        if wrong:
            text = f"overlay '{spec.name}' has kernels for no op of this dlf: {', '.join(wrong)}"
            yield warning("targets", text, NAMES)
        names = ", ".join(sorted(loaded.kernels)) or "none"
        yield ok("targets", f"overlay '{spec.name}' for {spec.device_type}: {names}")


def _loaded(what: str, target: str, wrong: Callable[[Any], str]) -> Finding:
    try:
        found = load_target(target)
    except BaseException as problem:
        return error("targets", f"{what} cannot be loaded: {describe(problem)}", _LOAD)
    complaint = wrong(found)
    if complaint:
        return error("targets", f"{what} is {found!r}", complaint)
    return ok("targets", f"{what} is {target}")


def _optimizer(found: Any) -> str:
    import dlf.optim

    if isinstance(found, type) and issubclass(found, dlf.optim.Optimizer):
        return ""
    return "name a subclass of dlf.optim.Optimizer"


def _dataset(found: Any) -> str:
    from inspect import signature

    try:
        signature(found).bind(None, train=True)
    except (TypeError, ValueError):
        return "name a function f(root=None, train=True)"
    return ""


def _commands(plugin: Plugin) -> Iterator[Finding]:
    import click

    group = click.Group("dlf")
    try:
        plugin.call("dlf_cli", group=group)
    except BaseException as problem:
        todo = "mend that; dlf takes back the commands that it added"
        yield error("targets", f"dlf_cli failed: {describe(problem)}", todo)
        return
    for name, command in group.commands.items():
        if command.help:
            yield ok("targets", f"command dlf {name}")
        else:
            todo = "give its function a docstring"
            yield warning("targets", f"command dlf {name} has no help", todo)
