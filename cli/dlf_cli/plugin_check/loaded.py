"""The plugin that is checked, loaded as dlf loads it."""

from __future__ import annotations

from collections.abc import Iterable

from dlf.plugin import PluginRecord
from dlf.plugin.loading import Plugin, load_plugin

from .subject import Subject

__all__ = ["NAMES", "plugin_of", "record_of", "unknown_ops"]


NAMES = "`dlf ops list` has the names; a kernel for a later dlf's op may stay"
"""What to do about kernels without an op."""


def record_of(subject: Subject, name: str, module: str) -> PluginRecord:
    """The record that dlf would keep of it."""
    return PluginRecord(name, subject.distribution, subject.version, module)


def plugin_of(subject: Subject, name: str, module: str) -> Plugin:
    """The plugin; RuntimeError where it cannot be loaded, of which `importing` tells."""
    plugin = load_plugin(record_of(subject, name, module))
    if plugin.manager is None or plugin.record.state != "ok":
        raise RuntimeError(f"{plugin.record.label} is {plugin.record.state}")
    return plugin


def unknown_ops(names: Iterable[str]) -> list[str]:
    """Those of `names` that no op has, each with the nearest that one has."""
    from difflib import get_close_matches

    import numpy as np

    from dlf.xp import kernels
    from dlf_cli.declared import declared_ops

    # dlf.xp has a few kernels more than there are ops.
    known, wrong = {*declared_ops(), *kernels(np)}, []
    for name in sorted(set(names) - known):
        near = get_close_matches(name, known, 1)
        wrong.append(f"'{name}'" + (f" (did you mean '{near[0]}'?)" if near else ""))
    return wrong
