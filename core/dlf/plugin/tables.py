"""Settles who gives what, where two plugins give the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .loaded import Registered
from .loading import Plugin
from .specs import BackendSpec, KernelSpec
from .states import PluginRecord, PluginState

__all__ = ["Tables", "settle"]


@dataclass
class Tables:
    """What is registered, by name."""

    backends: dict[str, tuple[BackendSpec, PluginRecord]] = field(default_factory=dict)
    kernels: list[tuple[KernelSpec, PluginRecord]] = field(default_factory=list)
    optimizers: dict[str, Registered] = field(default_factory=dict)
    datasets: dict[str, Registered] = field(default_factory=dict)


def settle(plugins: Iterable[Plugin]) -> Tables:
    """The tables of `plugins`, which come in order of precedence.

    A device type goes to the backend of the highest priority, then to the first; an optimizer or
    dataset to the first. The plugin that loses is marked shadowed; what else it gives stays.
    """
    plugins, tables = list(plugins), Tables()
    backends = [(spec, plugin.record) for plugin in plugins for spec in plugin.backends]
    for spec, record in sorted(backends, key=lambda given: -given[0].priority):
        _, winner = tables.backends.setdefault(spec.device_type, (spec, record))
        _shadow(record, winner, "device type", spec.device_type)
    kernels = [(spec, plugin.record) for plugin in plugins for spec in plugin.kernels]
    tables.kernels = sorted(kernels, key=lambda given: -given[0].priority)
    for plugin in plugins:
        for name, target in plugin.optimizers.items():
            one = Registered(name, target, plugin.record)
            _shadow(
                plugin.record, tables.optimizers.setdefault(name, one).record, "optimizer", name
            )
        for name, dataset in plugin.datasets.items():
            one = Registered(name, dataset.load, plugin.record, dataset)
            _shadow(plugin.record, tables.datasets.setdefault(name, one).record, "dataset", name)
    return tables


def _shadow(record: PluginRecord, winner: PluginRecord, kind: str, name: str) -> None:
    if record is not winner:
        reason = f"{kind} '{name}' comes from {winner.label}, not from {record.label}"
        record.mark(PluginState.SHADOWED, reason)
