"""What the host hands out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import PluginError
from .backend import Backend, Probe
from .quiet import quiet
from .specs import BackendSpec, DatasetSpec
from .states import PluginRecord, PluginState
from .target import describe, load_target

__all__ = ["LoadedBackend", "LoadedKernels", "Registered", "load_or_break"]


@dataclass(frozen=True, slots=True)
class LoadedBackend:
    """A backend that is ready, who gave it, and what its probe said."""

    spec: BackendSpec
    record: PluginRecord
    backend: Backend
    probe: Probe


@dataclass(frozen=True, slots=True)
class LoadedKernels:
    """An overlay's kernels by op name, and who gave them."""

    name: str
    priority: int
    kernels: Mapping[str, Callable[..., Any]]
    record: PluginRecord


@dataclass(frozen=True, slots=True)
class Registered:
    """An optimizer or dataset by its name; `spec` is a dataset's, None for an optimizer."""

    name: str
    target: str
    record: PluginRecord
    spec: DatasetSpec | None = None

    def load(self) -> Any:
        """Import it: an optimizer's class, a dataset's function. PluginError if that fails."""
        return load_or_break(self.name, self.target, self.record)


def load_or_break(name: str, target: str, record: PluginRecord) -> Any:
    """What `target` names; PluginError, and the plugin marked broken, if that fails."""
    try:
        with quiet():
            return load_target(target)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        reason = f"'{name}' cannot be loaded from '{target}': {describe(error)}"
        record.mark(PluginState.BROKEN, reason, error)
        raise PluginError(f"{record.label}: {reason}") from error
