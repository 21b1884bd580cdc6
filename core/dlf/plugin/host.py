"""The plugin host: finds plugins when first asked, keeps them apart, and loads what they give.

No failure of a plugin leaves `Host.records`; asking for the very thing that it should give raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any

from ..errors import DeviceUnavailableError, PluginError, UnknownNameError
from .discovery import Found, canonical, find_plugins
from .loaded import LoadedBackend, LoadedKernels, Registered
from .quiet import quiet
from .selection import strict, why_disabled
from .specs import BackendSpec
from .starting import refusal, start_backend, start_kernels, unavailable
from .states import PluginRecord, PluginState
from .target import describe

if TYPE_CHECKING:
    from .isolated import Verdict
    from .loading import Plugin
    from .tables import Tables

__all__ = ["Host", "LoadedBackend", "LoadedKernels", "Registered", "get_host"]

_STRICT = (PluginState.BROKEN, PluginState.INCOMPATIBLE, PluginState.SHADOWED)


class Host:
    """All plugins of a process; `find` gives them when first needed (default: entry points)."""

    def __init__(self, find: Callable[[], list[Found]] = find_plugins) -> None:
        self._find = find
        self._lock = RLock()
        self._busy = False
        self._records: list[PluginRecord] | None = None
        self._plugins: list[Plugin] = []
        self._tables: Tables
        self._backends: dict[str, LoadedBackend] = {}
        self._failed: dict[str, PluginError] = {}
        self._refused: dict[str, PluginError] = {}
        self._overlays: dict[str, list[LoadedKernels]] = {}
        self._with_ops: set[Plugin] = set()
        self._verdicts: dict[BackendSpec, Verdict | None] = {}

    def records(self, probe: bool = False) -> list[PluginRecord]:
        """Every plugin that was found and what became of it; dlf's own first.

        A backend is loaded when its device is first used, and only then found unavailable or
        broken; with `probe` all are loaded now, after `examine`.
        """
        tables = self._ready()
        if probe:
            self.examine()
        for device_type in list(tables.backends) if probe else ():
            try:
                self.load_backend(device_type)
            except (DeviceUnavailableError, PluginError):
                continue
        return list(self._records or ())

    def backend_specs(self) -> list[tuple[BackendSpec, PluginRecord]]:
        """The backend of each registered device type, and who gives it. Loads none."""
        return list(self._ready().backends.values())

    def examine(self) -> None:
        """Probe in child processes, all at once, the native backends that have not been yet.

        Before a loop over all devices this makes the time limits of those that hang run together.
        """
        with self._lock:
            self._examine([spec for spec, _ in self._ready().backends.values()])

    def load_backend(self, device_type: str) -> LoadedBackend:
        """The backend of `device_type`, loaded and probed once.

        Raises UnknownNameError for a type that no plugin gives, DeviceUnavailableError with the
        probe's reason, IncompatiblePluginError and PluginError for a plugin that cannot be used. An
        unavailable device is probed again at the next call, unless its probe, in a child, ended
        that process or did not end.
        """
        found = self._backends.get(device_type)
        if found is not None:
            return found
        with self._lock:
            if device_type in self._ready().backends:
                return self._load_backend(*self._tables.backends[device_type])
        raise self._no_backend(device_type)

    def overlays(self, device_type: str) -> list[LoadedKernels]:
        """The overlays for `device_type`, highest priority first; one that fails is left out."""
        with self._lock:
            tables = self._ready()
            if device_type not in self._overlays:
                mine = [given for given in tables.kernels if given[0].device_type == device_type]
                loaded = [start_kernels(*given) for given in mine]
                self._overlays[device_type] = [kernels for kernels in loaded if kernels is not None]
            return list(self._overlays[device_type])

    def optimizers(self) -> dict[str, Registered]:
        """The registered optimizers by name."""
        return dict(self._ready().optimizers)

    def datasets(self) -> dict[str, Registered]:
        """The registered datasets by name."""
        return dict(self._ready().datasets)

    def register_ops(self, registry: Any) -> None:
        """Let each plugin declare its ops, once; takes back those of a plugin that raises."""
        with self._lock:
            self._ready()
            for plugin in [p for p in self._plugins if p not in self._with_ops]:
                self._with_ops.add(plugin)
                before = len(registry)
                with self._guard(plugin, "dlf_ops"):
                    try:
                        plugin.call("dlf_ops", registry=registry)
                    except BaseException:
                        for op in reversed(list(registry)[before:]):
                            registry.remove(op)
                        raise

    def extend_cli(self, group: Any) -> None:
        """Let each plugin add commands to `group`; takes back those of a plugin that raises."""
        with self._lock:
            self._ready()
            for plugin in list(self._plugins):
                before = dict(group.commands)
                with self._guard(plugin, "dlf_cli"):
                    try:
                        plugin.call("dlf_cli", group=group)
                    except BaseException:
                        group.commands.clear()
                        group.commands.update(before)
                        raise

    def conform_cases(self, device: Any) -> Iterator[tuple[PluginRecord, Any]]:
        """The plugins' own conformance cases for `device`, each after the plugin that gives it.

        A plugin whose hook raises, or gives what cannot be iterated over, gives none.
        """
        given: list[tuple[PluginRecord, Any]] = []
        with self._lock:
            self._ready()
            for plugin in list(self._plugins):
                with self._guard(plugin, "dlf_conform_cases"):
                    # All of them now: a generator that fails half-way must leave nothing behind.
                    cases = list(plugin.call("dlf_conform_cases", device=device) or ())
                    given += [(plugin.record, case) for case in cases]
        return iter(given)

    def _ready(self) -> Tables:
        if self._records is None:
            with self._lock:
                if self._records is None:
                    self._discover()
        return self._tables

    def _discover(self) -> None:
        if self._busy:
            raise PluginError(
                "a plugin used a device while plugins were being discovered; "
                "its module must do that only when its backend is loaded"
            )
        from ..device_modules import bind
        from .loading import load_plugin
        from .tables import settle

        self._busy = True
        try:
            records = _records(self._find())
            plugins = [load_plugin(r) for r in records if r.state is PluginState.OK]
            live = [p for p in plugins if p.record.state is PluginState.OK]
            tables = settle(live)
            if strict():
                _raise_first(records)
            for plugin in plugins:
                for spec in plugin.backends if plugin not in live else ():
                    self._refused.setdefault(spec.device_type, refusal(plugin.record))
            self._plugins, self._tables, self._records = live, tables, records
            bind(tables.backends)
        finally:
            self._busy = False

    @contextmanager
    def _guard(self, plugin: Plugin, hook: str) -> Iterator[None]:
        """Mark a plugin whose `hook` raises as broken, and take back all that it registered."""
        from .tables import settle

        try:
            with quiet():
                yield
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            record = plugin.record
            record.mark(PluginState.BROKEN, f"{hook} failed: {describe(error)}", error)
            for spec in plugin.backends:
                self._refused[spec.device_type] = refusal(record)
            self._plugins.remove(plugin)
            for other in self._plugins:
                if other.record.state is PluginState.SHADOWED:
                    other.record.mark(PluginState.OK)
            self._tables = settle(self._plugins)
            self._overlays.clear()
            if strict():
                raise refusal(record) from error

    def _no_backend(self, device_type: str) -> Exception:
        if device_type in self._refused:
            return _again(self._refused[device_type])
        error = UnknownNameError.of("device type", device_type, self._tables.backends)
        in_use = (PluginState.OK, PluginState.UNAVAILABLE)
        out = [r for r in self._records or () if r.state not in in_use]
        if not self._records:
            return UnknownNameError(f"{error}; no plugin was found: is dlf itself installed?")
        lines = "".join(f"\n  {r.state}: {r.label}: {r.reason}" for r in out)
        return UnknownNameError(f"{error}\nplugins that are not in use:{lines}") if out else error

    def _load_backend(self, spec: BackendSpec, record: PluginRecord) -> LoadedBackend:
        device_type = spec.device_type
        if device_type in self._backends:
            return self._backends[device_type]
        if device_type in self._failed:
            raise _again(self._failed[device_type])
        self._examine([spec])
        verdict = self._verdicts.get(spec)
        if verdict is not None and verdict.reason:
            if verdict.safe:
                # The answer counts once: what was absent may have come, and asking here is safe.
                self._verdicts[spec] = None
            raise unavailable(spec, record, verdict.reason)
        try:
            loaded = self._backends[device_type] = start_backend(spec, record)
        except PluginError as error:
            self._failed[device_type] = error
            raise
        return loaded

    def _examine(self, specs: Iterable[BackendSpec]) -> None:
        new = [
            spec
            for spec in specs
            if spec.native and spec not in self._verdicts and spec.device_type not in self._backends
        ]
        if new:
            from .isolated import examine

            self._verdicts.update(zip(new, examine(new), strict=True))


_host = Host()


def get_host() -> Host:
    """The host of this process."""
    return _host


def _records(found: Iterable[Found]) -> list[PluginRecord]:
    """A record for each entry point; state ``ok`` only for those that are to be loaded."""
    found = list(found)
    records, taken = [], dict[str, PluginRecord]()
    for one, off in zip(found, why_disabled(found), strict=True):
        record = PluginRecord(one.name, one.distribution, one.version, one.module)
        records.append(record)
        if off:
            record.mark(PluginState.DISABLED, off)
        elif one.problem:
            record.mark(PluginState.BROKEN, one.problem)
        elif (first := taken.setdefault(canonical(one.name), record)) is not record:
            reason = (
                f"the name is taken by {first.label}, so {record.label} is not loaded; "
                f"DLF_DISABLE_PLUGINS={first.distribution} would make way for it"
            )
            record.mark(PluginState.SHADOWED, reason)
    return records


def _raise_first(records: Iterable[PluginRecord]) -> None:
    for record in records:
        if record.state in _STRICT:
            raise refusal(record) from record.error


def _again(error: PluginError) -> PluginError:
    """A fresh copy of `error`: one that is raised twice would gather tracebacks."""
    copy = type(error)(*error.args)
    copy.__cause__ = error.__cause__
    return copy
