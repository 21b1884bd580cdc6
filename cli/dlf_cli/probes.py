"""The state of every plugin and device, gathered once for `dlf backends list` and `dlf doctor`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import click

    from dlf.plugin import Backend
    from dlf.plugin.states import PluginRecord

__all__ = ["ask_hooks", "backend_rows", "plugin_rows"]


def ask_hooks(context: click.Context) -> None:
    """Call the hooks that otherwise wait for their use, so that those that fail are known."""
    from dlf_cli.declared import declared_ops

    declared_ops()
    root = context.find_root()
    # The program asks for plugins' commands when it lists them.
    getattr(root.command, "list_commands", lambda _: None)(root)


def plugin_rows() -> list[dict[str, Any]]:
    """One entry a plugin: name, distribution, version, module, state and the state's reason."""
    from dlf.plugin.host import get_host

    return [_plugin(record) for record in get_host().records()]


def backend_rows() -> list[dict[str, Any]]:
    """One entry a device type, then one for each plugin that could not say what it has."""
    from dlf.plugin.host import get_host

    host = get_host()
    host.examine()
    rows: list[dict[str, Any]] = []
    seen = []
    for spec, record in host.backend_specs():
        rows.append(
            {
                "device": spec.device_type,
                "requires_api": spec.requires_api,
                **_backend(spec.device_type, record),
            }
        )
        seen.append(id(record))
        # Loading may have changed the plugin's state, so it is read afterwards. Another device of
        # the plugin may be what is wrong with it.
        plugin = _plugin(record)
        state, reason = plugin.pop("state"), plugin.pop("reason")
        if rows[-1]["state"] == "ok":
            rows[-1]["reason"] = reason
        elif state != "ok" and (
            not reason.startswith("device '") or reason.startswith(f"device '{spec.device_type}'")
        ):
            rows[-1].update(state=state, reason=reason)
        rows[-1].update(plugin)
    for record in host.records():
        if (record.state != "ok" or record.reason) and id(record) not in seen:
            rows.append(
                {
                    "device": None,
                    "devices": [],
                    "requires_api": None,
                    "caps": None,
                    **_plugin(record),
                }
            )
    return rows


def _plugin(record: Any) -> dict[str, Any]:
    return {
        "plugin": record.name,
        "distribution": record.distribution,
        "version": record.version,
        "module": record.module,
        "state": str(record.state),
        "reason": record.reason or "",
        "error": "" if record.error is None else f"{type(record.error).__name__}: {record.error}",
    }


def _backend(device_type: str, record: PluginRecord) -> dict[str, Any]:
    """Load and probe one backend and ask for its kernels; what stands in the way is the reason."""
    from dlf.errors import DeviceUnavailableError, DlfError, IncompatiblePluginError
    from dlf.plugin.host import get_host

    row: dict[str, Any] = {"state": "ok", "reason": "", "devices": [], "caps": None}
    try:
        loaded = get_host().load_backend(device_type)
        kernels = _kernels(loaded.backend, device_type, record)
    except DeviceUnavailableError as error:
        row.update(state="unavailable", reason=str(error))
    except IncompatiblePluginError as error:
        row.update(state="incompatible", reason=str(error))
    except DlfError as error:
        row.update(state="broken", reason=str(error))
    else:
        caps = loaded.backend.caps
        row["devices"] = list(loaded.probe.devices)
        row["caps"] = {
            "dtypes": sorted(caps.dtypes),
            "features": sorted(caps.features),
            "kernels": len(kernels),
        }
    return row


def _kernels(backend: Backend, device_type: str, record: PluginRecord) -> Mapping[str, Any]:
    """The backend's kernels; PluginError, and the plugin marked broken, where it gives none.

    dlf itself asks for them when the device is first used, so that the host cannot know yet.
    """
    from dlf.errors import PluginError
    from dlf.plugin.quiet import quiet
    from dlf.plugin.states import PluginState
    from dlf.plugin.target import describe

    try:
        with quiet():
            kernels = backend.kernels()
        if not isinstance(kernels, Mapping) or not all(map(callable, kernels.values())):
            raise TypeError(f"kernels() gave {kernels!r}; expected a mapping of op to kernel")
        return kernels
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may raise SystemExit as well
        reason = f"device '{device_type}': its kernels: {describe(error)}"
        record.mark(PluginState.BROKEN, reason, error)
        raise PluginError(reason) from error
