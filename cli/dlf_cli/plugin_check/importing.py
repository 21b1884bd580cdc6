"""The module that the entry point names: light, its hooks spelt right and marked, its versions."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from difflib import get_close_matches
from inspect import isfunction
from typing import Any

from dlf.plugin import KERNEL_API, BackendSpec, KernelSpec, PluginState, hookspecs
from dlf.plugin.loading import Plugin, load_plugin
from dlf.plugin.version import accepts, newer_minor

from .finding import Finding, error, ok, warning
from .loaded import record_of
from .subject import Subject

__all__ = ["HOOKS", "SLOW", "check"]

HOOKS = tuple(sorted(name for name in vars(hookspecs) if name.startswith("dlf_")))
SLOW = 0.1
"""Seconds that import and first hooks may take: every list of devices waits for them."""

# dlf needs these itself, so that they cost time but cannot be missing.
_OF_DLF = frozenset({"click", "ml_dtypes", "numpy", "pluggy", "rich"})


def check(subject: Subject, name: str, module: str) -> Iterator[Finding]:
    """The plugin `name` of `subject`, whose entry point names `module`."""
    import pluggy  # noqa: F401  # dlf's own part of the time

    before, start = set(sys.modules), time.perf_counter()
    plugin = load_plugin(record_of(subject, name, module))
    spent = time.perf_counter() - start
    imported = {one.partition(".")[0] for one in set(sys.modules) - before}
    record = plugin.record
    if record.state is PluginState.BROKEN:
        yield error("import", record.reason, "mend that; nothing of the plugin is registered")
    elif record.state is PluginState.INCOMPATIBLE:
        todo = "read the changes in docs/kernel-contract.md, and widen requires_api"
        yield error("version", record.reason, todo)
    yield from _weight(imported - {module.partition(".")[0]}, module, spent)
    yield from _unmarked(sys.modules.get(module.partition(":")[0]))
    if record.state is PluginState.OK:
        yield ok("hooks", f"{_hooks(plugin)} of {module}")
        yield from _versions(plugin)


def _weight(imported: set[str], module: str, spent: float) -> Iterator[Finding]:
    strange = {one for one in imported if one.startswith(("dlf", "_"))}
    foreign = sorted(imported - sys.stdlib_module_names - strange)
    todo = f"import them where {module} says `load=`, or inside the functions that use them"
    for level, some in (
        (error, [one for one in foreign if one not in _OF_DLF]),
        (warning, [one for one in foreign if one in _OF_DLF]),
    ):
        if some:
            yield level("import", f"{module} imports {', '.join(some)}", todo)
    if spent > SLOW:
        text = f"{module} and its hooks take {spent:.2f} s, more than {SLOW:g} s"
        yield warning("import", text, "move what is slow into what `load=` names")
    elif not foreign:
        yield ok("import", f"{module} is light: {spent * 1e3:.0f} ms, no further packages")


def _unmarked(module: Any) -> Iterator[Finding]:
    """Functions that look like a hook, are not marked, and so are never called."""
    for name, member in list(vars(module).items()) if module else ():
        if not isfunction(member) or member.__module__ != module.__name__:
            continue
        near = get_close_matches(name, HOOKS, 1, 0.75)
        if near and name not in HOOKS and not hasattr(member, "dlf_impl"):
            todo = f"name it {near[0]} and mark it with @dlf.plugin.hookimpl"
            yield error("hooks", f"'{name}' of {module.__name__} is never called", todo)


def _hooks(plugin: Plugin) -> str:
    assert plugin.manager is not None
    hook = plugin.manager.hook
    return ", ".join(name for name in HOOKS if getattr(hook, name).get_hookimpls())


def _versions(plugin: Plugin) -> Iterator[Finding]:
    given = ".".join(map(str, KERNEL_API))
    following = (KERNEL_API[0] + 1, 0)
    specs: list[BackendSpec | KernelSpec] = [*plugin.backends, *plugin.kernels]
    for spec in specs:
        requires = f"'{spec.name}' requires kernel API {spec.requires_api or '(anything)'}"
        if accepts(spec.requires_api, following):
            todo = f"write requires_api='>={given},<{following[0]}': a major may change signatures"
            yield warning("version", f"{requires}, without an upper bound", todo)
        elif newer_minor(spec.requires_api):
            todo = f"test it with {given} as well, and write the least that it needs"
            yield warning("version", f"{requires}, later than this dlf's {given}", todo)
        else:
            yield ok("version", f"{requires}; this dlf gives {given}")
