"""What the environment says of plugins: which are off, and how foreign code is probed.

- ``DLF_DISABLE_PLUGINS=a,b`` switches off the plugins, or all plugins of the distributions, of
  these names;
  ``DLF_DISABLE_PLUGINS=1`` all that are not dlf's own.
- ``DLF_PLUGINS=a,b`` leaves, beside dlf's own plugins, only these on.
- ``DLF_STRICT_PLUGINS=1`` makes a plugin that is broken, incompatible or shadowed an error.
- ``DLF_PROBE=inline`` probes native backends in this process instead of in a child (``child``).
- ``DLF_PROBE_TIMEOUT=20`` is the time limit of such a child, in seconds.

Names are compared without regard to case and to ``-``, ``_`` and ``.``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from .discovery import Found, canonical

__all__ = ["probe_inline", "probe_seconds", "strict", "why_disabled"]

_OFF = ("", "0", "false", "no", "off")
_SECONDS = 20.0
_ALL = ("1", "true", "yes", "on", "all")


def strict() -> bool:
    """Whether ``DLF_STRICT_PLUGINS`` is set."""
    return os.environ.get("DLF_STRICT_PLUGINS", "").strip().lower() not in _OFF


def probe_inline() -> bool:
    """Whether ``DLF_PROBE`` is ``inline``; warns of a value that is neither that nor ``child``."""
    how = os.environ.get("DLF_PROBE", "").strip().lower() or "child"
    if how not in ("child", "inline"):
        _warn(f"DLF_PROBE={how!r} is neither 'child' nor 'inline'; 'child' is used")
    return how == "inline"


def probe_seconds() -> float:
    """``DLF_PROBE_TIMEOUT``, or 20; warns of a value that is no number above 0."""
    text = os.environ.get("DLF_PROBE_TIMEOUT", "").strip()
    try:
        seconds = float(text or _SECONDS)
    except ValueError:
        seconds = 0.0
    # The upper bound is what the operating system's clocks take; it also refuses NaN.
    if 0 < seconds <= 1e6:
        return seconds
    _warn(f"DLF_PROBE_TIMEOUT={text!r} is not a number of seconds above 0; {_SECONDS:g} is used")
    return _SECONDS


def why_disabled(found: Iterable[Found]) -> list[str]:
    """For each plugin the reason why it is switched off; an empty string where it is on.

    Warns of names that no plugin and no distribution has.
    """
    found = list(found)
    known = {canonical(name) for f in found for name in (f.name, f.distribution)}
    off, only = _named("DLF_DISABLE_PLUGINS", known), _named("DLF_PLUGINS", known)
    return [_why(f, off, only) for f in found]


def _why(f: Found, off: frozenset[str] | None, only: frozenset[str] | None) -> str:
    names = {canonical(f.name), canonical(f.distribution)}
    if off is not None and (names & off or (not f.built_in and off & {*_ALL})):
        return f"switched off by DLF_DISABLE_PLUGINS={os.environ['DLF_DISABLE_PLUGINS']}"
    if only is not None and not f.built_in and not names & only:
        return f"not among DLF_PLUGINS={os.environ['DLF_PLUGINS']}"
    return ""


def _named(variable: str, known: set[str]) -> frozenset[str] | None:
    """The names that an environment variable lists; None where it is unset, empty or a no."""
    text = os.environ.get(variable, "").strip()
    if text.lower() in _OFF:
        return None
    names = frozenset(canonical(name.strip()) for name in text.split(",") if name.strip())
    for name in sorted(names - known - ({*_ALL} if variable == "DLF_DISABLE_PLUGINS" else set())):
        from difflib import get_close_matches

        near = get_close_matches(name, known, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(known))}"
        _warn(f"{variable}: no plugin is named '{name}'; {hint}")
    return names


def _warn(message: str) -> None:
    import warnings

    warnings.warn(message, stacklevel=3)
