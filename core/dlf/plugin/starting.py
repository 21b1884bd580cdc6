"""Loads backends and overlays when their device is first used."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import DeviceUnavailableError, IncompatiblePluginError, PluginError
from .backend import Backend, Caps, Probe
from .loaded import LoadedBackend, LoadedKernels, load_or_break
from .quiet import quiet
from .selection import strict
from .specs import BackendSpec, KernelSpec
from .states import PluginRecord, PluginState
from .target import describe

__all__ = ["refusal", "start_backend", "start_kernels", "unavailable"]


def start_backend(spec: BackendSpec, record: PluginRecord) -> LoadedBackend:
    """Import, make and probe the backend that `spec` names.

    Raises PluginError, and marks the plugin broken, if it is none; DeviceUnavailableError, and
    marks the plugin unavailable, if its probe names no device.
    """
    with quiet():
        backend = _make(spec, record)
        probe = _probe(backend, spec, record)
    if record.state is PluginState.UNAVAILABLE and record.reason.startswith(_named(spec)):
        record.mark(PluginState.OK)
    return LoadedBackend(spec, record, backend, probe)


def start_kernels(spec: KernelSpec, record: PluginRecord) -> LoadedKernels | None:
    """The kernels that `spec` names; None, and the plugin marked, if they cannot be had."""
    try:
        with quiet():
            kernels = load_or_break(spec.name, spec.load, record)
            if not isinstance(kernels, Mapping):
                kernels = kernels()
        if not isinstance(kernels, Mapping) or not all(map(callable, kernels.values())):
            raise TypeError(f"'{spec.load}' gives {kernels!r}; expected a mapping of op to kernel")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if isinstance(error, DeviceUnavailableError):
            record.mark(PluginState.UNAVAILABLE, f"overlay '{spec.name}': {error}", error)
        elif not isinstance(error, PluginError):
            record.mark(PluginState.BROKEN, f"overlay '{spec.name}': {describe(error)}", error)
        if strict() and record.state is PluginState.BROKEN:
            raise refusal(record) from error
        return None
    return LoadedKernels(spec.name, spec.priority, kernels, record)


def refusal(record: PluginRecord) -> PluginError:
    """The error for a plugin that cannot be used."""
    kind = IncompatiblePluginError if record.state is PluginState.INCOMPATIBLE else PluginError
    error = kind(f"{record.label} is {record.state}: {record.reason}")
    error.__cause__ = record.error
    return error


def unavailable(
    spec: BackendSpec, record: PluginRecord, reason: str, cause: BaseException | None = None
) -> DeviceUnavailableError:
    """The error for a device that cannot be used because of `reason`; marks the plugin."""
    record.mark(PluginState.UNAVAILABLE, f"{_named(spec)}: {reason}", cause)
    return DeviceUnavailableError(f"{_named(spec)} of {record.label} is unavailable: {reason}")


def _named(spec: BackendSpec) -> str:
    return f"device '{spec.device_type}'"


def _make(spec: BackendSpec, record: PluginRecord) -> Backend:
    """An instance of the class that `spec` names; PluginError if that fails."""
    made = load_or_break(spec.name, spec.load, record)
    try:
        backend = made()
        if not isinstance(backend, Backend):
            raise TypeError(f"{type(backend).__name__} is not a subclass of dlf.plugin.Backend")
        if getattr(backend, "device_type", None) != spec.device_type:
            raise TypeError(f"its device_type is not '{spec.device_type}'")
        if not isinstance(getattr(backend, "caps", None), Caps):
            raise TypeError("its caps are not set to a dlf.plugin.Caps")
        return backend
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        reason = f"'{spec.load}' gives no backend: {describe(error)}"
        record.mark(PluginState.BROKEN, reason, error)
        raise PluginError(f"{record.label}: {reason}") from error


def _probe(backend: Backend, spec: BackendSpec, record: PluginRecord) -> Probe:
    """What the probe says; DeviceUnavailableError with the reason unless it names a device."""
    cause: BaseException | None = None
    probe = Probe(False)
    try:
        probe = backend.probe()
        reason = probe.reason or (
            "its probe names no device" if probe.ok else "its probe gives no reason"
        )
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        cause, reason = error, f"probe raised {describe(error)}"
    if cause is None and probe.ok and probe.devices:
        return probe
    raise unavailable(spec, record, reason, cause) from cause
