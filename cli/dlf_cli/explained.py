"""For each op of a device: whose kernel runs, why no other's does, and what would without it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dlf
    from dlf.dispatch import KernelSource
    from dlf.plugin import PluginRecord

__all__ = ["Candidate", "Explained", "explained"]


@dataclass(frozen=True)
class Candidate:
    """A kernel or decomposition that is not used, the package it comes from, and why it is not."""

    name: str
    package: str
    why: str


@dataclass(frozen=True)
class Explained:
    """What runs an op.

    Attributes:
        op: the op's name.
        source: ``native``, ``overlay``, ``decomposed``, ``fallback`` or ``missing``.
        origin: the backend or overlay whose kernel it is; ``dlf`` where there is none.
        package: the distribution of that and its version.
        not_taken: what else could run it.
        without: what would run without the kernel; for an op that has none, what a call meets.
        dtypes: the dtypes that the kernel is used for, if not all.
    """

    op: str
    source: str
    origin: str
    package: str
    not_taken: tuple[Candidate, ...]
    without: str
    dtypes: tuple[str, ...]


def explained(device: dlf.device) -> list[Explained]:
    """One entry for each declared op, in the order of their declaration."""
    from dlf.dispatch import explain

    layers = _Layers(device)
    return [layers.explain(one) for one in explain(device)]


class _Layers:
    """The plugins that give kernels for a device, in use or switched off."""

    def __init__(self, device: dlf.device) -> None:
        from dlf.plugin import get_host

        host = get_host()
        off = {n[1:] for n in os.environ.get("DLF_KERNELS", "").split(",") if n.startswith("-")}
        overlays = host.overlays(device.type)
        self.overlays = {one.name: one for one in overlays if one.name not in off}
        self.off = [one for one in overlays if one.name in off]
        self.loaded = host.load_backend(device.type)

    def explain(self, one: KernelSource) -> Explained:
        has_kernel = one.source in ("native", "overlay")
        candidates = [self._passed_over(name, one.origin) for name in one.others]
        candidates += [
            Candidate(layer.name, _package(layer.record), "switched off by DLF_KERNELS")
            for layer in self.off
            if one.op in layer.kernels
        ]
        if has_kernel and one.otherwise == "decomposed":
            candidates.append(Candidate("decomposition", _own_package(), "not needed"))
        return Explained(
            one.op,
            one.source,
            one.origin,
            self._package_of(one),
            tuple(candidates),
            _without(one) if has_kernel else _now(one),
            one.dtypes,
        )

    def _package_of(self, one: KernelSource) -> str:
        if one.source == "overlay":
            return _package(self.overlays[one.origin].record)
        own = one.source != "native" or one.origin != self.loaded.spec.name
        return _own_package() if own else _package(self.loaded.record)

    def _passed_over(self, name: str, winner: str) -> Candidate:
        overlay = self.overlays.get(name)
        if overlay is None:
            package = _package(self.loaded.record)
            return Candidate(name, package, "overlays stand before a device's own")
        first = self.overlays[winner]
        why = f"priority {overlay.priority}, and {winner} has {first.priority}"
        if overlay.priority == first.priority:
            why = f"priority {overlay.priority} as {winner}, which was found first"
        return Candidate(name, _package(overlay.record), why)


def _without(one: KernelSource) -> str:
    """What would run if the plugin did not have the kernel that runs."""
    return f"kernel of {one.others[0]}" if one.others else _ELSE[one.otherwise]()


def _now(one: KernelSource) -> str:
    """For an op without a kernel: what becomes of a call."""
    return "" if one.source == "decomposed" else _ELSE[one.source]()


def _host() -> str:
    from dlf.fallback import get_policy

    return "host, which DLF_FALLBACK=error forbids" if get_policy() == "error" else "host"


_ELSE: dict[str, Callable[[], str]] = {
    "decomposed": lambda: "decomposition",
    "fallback": _host,
    "missing": lambda: "nothing",
}


def _package(record: PluginRecord) -> str:
    return f"{record.distribution} {record.version}".strip()


def _own_package() -> str:
    import dlf

    version: Any = dlf.__version__
    return f"dlf {version}"
