"""The devices: each backend can be made, says whether it can be used, and why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dlf.errors import DeviceUnavailableError, PluginError
from dlf.plugin import BackendSpec
from dlf.plugin.loaded import LoadedBackend
from dlf.plugin.loading import Plugin
from dlf.plugin.starting import start_backend
from dlf.plugin.target import describe

from .finding import Finding, error, ok, warning
from .loaded import NAMES, plugin_of, unknown_ops
from .subject import Subject

__all__ = ["check"]


def check(subject: Subject, name: str, module: str) -> Iterator[Finding]:
    """The plugin `name` of `subject`, whose entry point names `module`."""
    plugin = plugin_of(subject, name, module)
    for spec in plugin.backends:
        yield from _backend(plugin, spec)


def _backend(plugin: Plugin, spec: BackendSpec) -> Iterator[Finding]:
    what = f"device '{spec.device_type}'"
    try:
        loaded = start_backend(spec, plugin.record)
    except DeviceUnavailableError as problem:
        reason = plugin.record.reason
        if problem.__cause__ is not None:
            todo = "catch that, and return Probe(ok=False, reason=...)"
            yield error("probe", reason, todo)
        elif reason.endswith(("its probe gives no reason", "its probe names no device")):
            yield error("probe", reason, "return Probe(ok, reason, devices) with all three true")
        else:
            todo = "check it on a machine that has the device"
            yield warning("probe", f"{what} is unavailable here: {reason}", todo)
        return
    except PluginError:
        yield error("probe", plugin.record.reason, "see docs/kernel-contract.md, L0")
        return
    yield ok("probe", f"{what}: {', '.join(loaded.probe.devices)}")
    yield from _claims(loaded, what)


def _claims(loaded: LoadedBackend, what: str) -> Iterator[Finding]:
    import dlf

    for name in sorted(loaded.backend.caps.dtypes):
        if not isinstance(getattr(dlf, name, None), dlf.dtype):
            yield error("probe", f"{what} claims {name!r}", "write a dtype's name, as 'float32'")
    try:
        kernels = loaded.backend.kernels()
    except BaseException as problem:
        yield error("probe", f"{what}: kernels() raised {describe(problem)}", "mend that")
        return
    if not isinstance(kernels, Mapping) or not all(map(callable, kernels.values())):
        todo = "return a mapping of op name to function"
        yield error("probe", f"{what}: kernels() gives {kernels!r}", todo)
        return
    wrong = unknown_ops([*kernels, *loaded.backend.caps.op_dtypes])
    if wrong:
        text = f"{what} has kernels or limits for no op of this dlf: {', '.join(wrong)}"
        yield warning("probe", text, NAMES)
    if kernels:
        yield ok("probe", f"{what} has {len(kernels)} kernels")
