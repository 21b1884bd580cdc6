"""Names that the plugin registers: no other installed plugin has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import click

import dlf.nn  # declares its ops, as does
import dlf.optim  # noqa: F401
from dlf.plugin import PluginRecord, PluginState
from dlf.plugin.discovery import canonical, find_plugins
from dlf.plugin.loading import Plugin, load_plugin
from dlf.registry import registry
from dlf_cli.main import COMMANDS

from .finding import Finding, error, ok, warning
from .loaded import plugin_of
from .subject import Subject

__all__ = ["check"]


def check(subject: Subject, name: str, module: str) -> Iterator[Finding]:
    """The plugin `name` of `subject`, whose entry point names `module`."""
    plugin, own = plugin_of(subject, name, module), canonical(subject.distribution)
    mine, taken = _given(plugin), dict[tuple[str, str], str]()
    if own != "dlf":
        taken = {("command", called): "dlf itself" for called in COMMANDS}
    priorities = dict[tuple[str, str], int]()
    for found in find_plugins():
        if canonical(found.distribution) == own or found.problem:
            continue
        record = PluginRecord(found.name, found.distribution, found.version, found.module)
        other = load_plugin(record)
        taken.setdefault(("plugin", canonical(record.name)), record.label)
        if record.state is PluginState.OK:
            priorities |= _priorities(other)
            for kind_and_name in _given(other):
                taken.setdefault(kind_and_name, record.label)
    clashes = [one for one in mine if one in taken]
    for kind, called in clashes:
        text = f"{kind} '{called}' is given by {taken[kind, called]} as well"
        mine_first = _priorities(plugin).get((kind, called), 0)
        if kind == "device type" and mine_first != priorities.get((kind, called), 0):
            todo = "that is right only if it is to stand in for the other"
            yield warning("names", text, f"the higher priority wins; {todo}")
        else:
            yield error("names", text, "choose another name: only one of the two is in use")
    if not clashes:
        told = ", ".join(f"{kind} '{called}'" for kind, called in mine)
        yield ok("names", f"no other installed plugin has {told}")


def _given(plugin: Plugin) -> list[tuple[str, str]]:
    given = [("plugin", canonical(plugin.record.name))]
    given += [("device type", spec.device_type) for spec in plugin.backends]
    given += [("overlay", spec.name) for spec in plugin.kernels]
    given += [("optimizer", name) for name in plugin.optimizers]
    given += [("dataset", name) for name in plugin.datasets]
    given += [("op", name) for name in _ops(plugin)]
    return given + [("command", name) for name in _commands(plugin)]


def _priorities(plugin: Plugin) -> dict[tuple[str, str], int]:
    return {("device type", spec.device_type): spec.priority for spec in plugin.backends}


def _commands(plugin: Plugin) -> list[str]:
    group = click.Group("dlf")
    try:
        plugin.call("dlf_cli", group=group)
    except Exception:  # `targets` tells of it
        return []
    return sorted(group.commands)


def _ops(plugin: Plugin) -> list[str]:
    """The ops that it declares, which are taken back: the next plugin may declare the same."""
    before = len(registry)
    with suppress(Exception):  # `targets` tells of it
        plugin.call("dlf_ops", registry=registry)
    declared = list(registry)[before:]
    for op in reversed(declared):
        registry.remove(op)
    return [op.name for op in declared]
