"""What became of a plugin."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["PluginRecord", "PluginState"]


class PluginState(StrEnum):
    """The state in which a plugin ends; each compares equal to its name as a string."""

    OK = "ok"
    """Loaded; what it registers is in use."""
    UNAVAILABLE = "unavailable"
    """Loaded, but a device of it cannot be used on this machine; the reason is its probe's."""
    INCOMPATIBLE = "incompatible"
    """Built for a kernel API that this dlf does not give."""
    BROKEN = "broken"
    """It raised; the exception is kept, and nothing of it is registered."""
    DISABLED = "disabled"
    """Switched off by the environment; not imported."""
    SHADOWED = "shadowed"
    """Another plugin has its name, or a device type, optimizer or dataset of that name."""


@dataclass(slots=True, eq=False)
class PluginRecord:
    """A plugin that was found, and what became of it. The host keeps it up to date.

    `name` and `module` are the entry point's, `distribution` and `version` those of the package
    that declares it; `reason` says in one line why `state` is not ``ok``, or, where it is, what the
    plugin's author should look at; `error` is the exception behind it, if any.
    """

    name: str
    distribution: str
    version: str
    module: str
    state: PluginState = PluginState.OK
    reason: str = ""
    error: BaseException | None = None

    @property
    def label(self) -> str:
        """The plugin and its distribution, as messages name them."""
        return f"plugin '{self.name}' of {self.distribution} {self.version}".rstrip()

    def mark(
        self, state: PluginState, reason: str = "", error: BaseException | None = None
    ) -> None:
        """Set what became of the plugin."""
        self.state, self.reason, self.error = state, reason, error

    def note(self, text: str) -> None:
        """Add `text` to the reason; the state stays."""
        self.reason = "; ".join(filter(None, (self.reason, text)))
