"""The error tree of dlf.

::

    DlfError
    ├── MissingKernelError (NotImplementedError)   an op has no kernel, and no fallback is permitted
    ├── DeviceUnavailableError (RuntimeError)      a known device cannot be used: its probe's reason
    ├── PluginError (RuntimeError)                 a plugin is broken; names its distribution
    │   └── IncompatiblePluginError                a plugin asks for another kernel API
    ├── UnknownNameError (LookupError)             no such device, op, ...; names the nearest
    ├── DataNotFoundError (FileNotFoundError)      a dataset's files are not where they should be
    └── UnsafeFileError (ValueError)               a file that dlf will not load

Every other error has the type that PyTorch raises: ``RuntimeError`` for shapes and devices,
``IndexError`` for indices and dimensions, ``TypeError`` for argument types, ``ValueError`` for
argument values.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "DataNotFoundError",
    "DeviceUnavailableError",
    "DlfError",
    "IncompatiblePluginError",
    "MissingKernelError",
    "PluginError",
    "UnknownNameError",
    "UnsafeFileError",
]


class DlfError(Exception):
    """Base of the errors that only dlf raises."""


class MissingKernelError(DlfError, NotImplementedError):
    """A device has no kernel for an op, and the fallback policy permits no other way."""


class DeviceUnavailableError(DlfError, RuntimeError):
    """A registered device cannot be used on this machine; the message is its probe's reason."""


class PluginError(DlfError, RuntimeError):
    """A plugin failed; the message names its distribution and the cause."""


class IncompatiblePluginError(PluginError):
    """A plugin was built for a kernel API that this dlf does not give."""


class UnknownNameError(DlfError, LookupError):
    """A name that nothing registered; the message gives the nearest known one."""

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
        """Build the error for a `name` of `kind` among the `known` ones."""
        from difflib import get_close_matches

        names = sorted(known)
        near = get_close_matches(name, names, 1, 0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names) or 'none'}"
        return cls(f"unknown {kind} '{name}'; {hint}")


class DataNotFoundError(DlfError, FileNotFoundError):
    """A dataset's files are missing; the message says where they belong."""


class UnsafeFileError(DlfError, ValueError):
    """A file that is damaged, of another format, or that would have to run code to be read."""
