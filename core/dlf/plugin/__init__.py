"""What a plugin is written against: the contract's classes, the `hookimpl` marker, and the host.

A plugin is a light module named by an entry point of group ``dlf``; `dlf.plugin.hookspecs` lists
the hooks it may give. pluggy is imported with the marker or the host, not before. A backend whose
steps can be recorded and replayed finds in `GraphService`, `Recorder` and `CaptureState` all of the
service ``"graphs"`` that is not its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .backend import Backend, Caps, Probe
from .specs import BackendSpec, DatasetSpec, KernelSpec
from .states import PluginRecord, PluginState
from .version import KERNEL_API

if TYPE_CHECKING:
    from ..recording import CapturedStep as CapturedStep
    from ..recording import CaptureError as CaptureError
    from ..recording import CaptureState as CaptureState
    from ..recording import GraphService as GraphService
    from ..recording import Places as Places
    from ..recording import Recorder as Recorder
    from .array_namespace import ArrayNamespaceBackend as ArrayNamespaceBackend
    from .hookspecs import hookimpl as hookimpl
    from .host import Host as Host
    from .host import get_host as get_host

__all__ = [
    "KERNEL_API",
    "ArrayNamespaceBackend",
    "Backend",
    "BackendSpec",
    "Caps",
    "CaptureError",
    "CaptureState",
    "CapturedStep",
    "DatasetSpec",
    "GraphService",
    "Host",
    "KernelSpec",
    "Places",
    "PluginRecord",
    "PluginState",
    "Probe",
    "Recorder",
    "get_host",
    "hookimpl",
]

_LAZY = {
    "ArrayNamespaceBackend": ".array_namespace",
    "CaptureError": "..recording",
    "CaptureState": "..recording",
    "CapturedStep": "..recording",
    "GraphService": "..recording",
    "Host": ".host",
    "Places": "..recording",
    "Recorder": "..recording",
    "get_host": ".host",
    "hookimpl": ".hookspecs",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_LAZY[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
