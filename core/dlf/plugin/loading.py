"""Loads one plugin: imports its module, checks its hooks, and collects what it registers.

Nothing that a plugin does on the way reaches the host before all of it has worked, so that one
which fails half-way leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from inspect import isroutine
from time import thread_time
from typing import TYPE_CHECKING, Any

from ..errors import IncompatiblePluginError, PluginError, UnknownNameError
from . import hookspecs
from .quiet import quiet
from .specs import BackendSpec, DatasetSpec, KernelSpec, check_target
from .states import PluginRecord, PluginState
from .target import describe, load_target
from .version import KERNEL_API, accepts, newer_minor

if TYPE_CHECKING:
    from pluggy import PluginManager

__all__ = ["Plugin", "load_plugin"]

_HOOKS = frozenset(n for n in vars(hookspecs) if n.startswith("dlf_"))
_LIGHT = 0.5  # seconds of processor time that importing a plugin's module may take


@dataclass(eq=False)
class Plugin:
    """A plugin and what it registers.

    Each has a pluggy manager of its own, so that one cannot stop another.
    """

    record: PluginRecord
    manager: PluginManager | None = None
    backends: list[BackendSpec] = field(default_factory=list)
    kernels: list[KernelSpec] = field(default_factory=list)
    optimizers: dict[str, str] = field(default_factory=dict)
    datasets: dict[str, DatasetSpec] = field(default_factory=dict)

    def call(self, hook: str, **arguments: Any) -> Any:
        """What the plugin's `hook` returns; None where it has none."""
        assert self.manager is not None
        results = getattr(self.manager.hook, hook)(**arguments)
        return results[0] if results else None


def load_plugin(record: PluginRecord) -> Plugin:
    """Import and ask the plugin of `record`; a failure of any kind becomes the record's state."""
    plugin = Plugin(record)
    try:
        plugin.manager = _register(record, _import(record))
        with quiet():
            _collect(plugin)
    except KeyboardInterrupt:
        raise
    except IncompatiblePluginError as error:
        record.mark(PluginState.INCOMPATIBLE, str(error), error)
    except BaseException as error:  # a plugin may raise SystemExit as well
        record.mark(PluginState.BROKEN, *_told(error))
    return plugin


def _told(error: BaseException) -> tuple[str, BaseException]:
    """Reason and true cause; a PluginError is this module's own and says enough itself."""
    if not isinstance(error, PluginError):
        return describe(error), error
    cause = error.__cause__
    return (str(error), error) if cause is None else (f"{error}: {describe(cause)}", cause)


def _import(record: PluginRecord) -> Any:
    begin = thread_time()
    try:
        with quiet() as aside:
            module = load_target(record.module)
        if aside.used:
            record.note("prints to standard output when it is imported; sent to standard error")
        if (seconds := thread_time() - begin) > _LIGHT:
            record.note(
                f"its module took {seconds:.1f} s to import; it must be light, and leave heavy "
                "imports to what it names"
            )
        return module
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        newer = ""
        if isinstance(error, ImportError) and (error.name or "").split(".")[0] == "dlf":
            api = ".".join(map(str, KERNEL_API))
            newer = f" (this dlf gives kernel API {api}; the plugin may be built for another)"
        raise PluginError(f"import of '{record.module}' failed{newer}") from error


def _register(record: PluginRecord, module: Any) -> PluginManager:
    from pluggy import PluginManager

    manager = PluginManager("dlf")
    manager.add_hookspecs(hookspecs)
    given = [name for name in dir(module) if _is_hook(manager, module, name)]
    if not given:
        raise PluginError(
            f"'{record.module}' has no hook; mark its functions with @dlf.plugin.hookimpl"
        )
    manager.register(module, record.name)
    return manager


def _is_hook(manager: PluginManager, module: Any, name: str) -> bool:
    """Whether `name` is a marked hook; PluginError for one misspelt or without its mark."""
    options = manager.parse_hookimpl_opts(module, name)
    if options is None:
        member = getattr(module, name, None) if name in _HOOKS else None
        if isroutine(member) and getattr(member, "__module__", "") == getattr(
            module, "__name__", None
        ):
            raise PluginError(f"'{name}' lacks the decorator @dlf.plugin.hookimpl")
        return False
    hook = options.get("specname") or name
    if hook not in _HOOKS and not options.get("optionalhook"):
        raise PluginError(str(UnknownNameError.of("hook", hook, _HOOKS)))
    return True


def _collect(plugin: Plugin) -> None:
    plugin.backends = _specs(plugin, "dlf_backends", BackendSpec)
    plugin.kernels = _specs(plugin, "dlf_kernels", KernelSpec)
    specs: list[BackendSpec | KernelSpec] = [*plugin.backends, *plugin.kernels]
    for spec in specs:
        _check_api(plugin, spec)
    plugin.optimizers = _named(plugin, "dlf_optimizers", str)
    for name, target in plugin.optimizers.items():
        check_target(f"optimizer '{name}'", target)
    plugin.datasets = _named(plugin, "dlf_datasets", DatasetSpec)


def _check_api(plugin: Plugin, spec: BackendSpec | KernelSpec) -> None:
    api = ".".join(map(str, KERNEL_API))
    if not accepts(spec.requires_api):
        raise IncompatiblePluginError(
            f"'{spec.name}' requires kernel API {spec.requires_api}, and this dlf gives {api}"
        )
    if newer_minor(spec.requires_api):
        plugin.record.note(f"built for kernel API {spec.requires_api}, later than this dlf's {api}")


def _ask(plugin: Plugin, hook: str, **arguments: Any) -> Any:
    try:
        return plugin.call(hook, **arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginError(f"{hook} failed") from error


def _specs(plugin: Plugin, hook: str, kind: type[Any]) -> list[Any]:
    given = _ask(plugin, hook, api=KERNEL_API)
    items = list(given) if isinstance(given, Iterable) else [] if given is None else [given]
    wrong = [item for item in items if not isinstance(item, kind)]
    if wrong:
        raise PluginError(f"{hook} returned {wrong[0]!r}; expected a list of {kind.__name__}")
    return items


def _named(plugin: Plugin, hook: str, kind: type[Any]) -> dict[str, Any]:
    given = _ask(plugin, hook)
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise PluginError(f"{hook} returned {given!r}; expected a dict of name to {kind.__name__}")
    for name, value in given.items():
        if not isinstance(name, str) or not isinstance(value, kind):
            raise PluginError(f"{hook}: {name!r}: {value!r}; expected a name and a {kind.__name__}")
    return dict(given)
