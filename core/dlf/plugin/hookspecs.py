"""The hooks of dlf. Each is an empty function; its docstring is the contract.

A plugin marks its functions with `hookimpl` and may leave out parameters that it does not read. A
hook that came with a later dlf than the oldest one to be supported is marked
``@hookimpl(optionalhook=True)``.
"""

# pyright: reportReturnType=false
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pluggy

from .specs import BackendSpec, DatasetSpec, KernelSpec

__all__ = ["hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("dlf")
hookimpl = pluggy.HookimplMarker("dlf")


@hookspec
def dlf_backends(api: tuple[int, int]) -> list[BackendSpec]:
    """The device types that the plugin gives. `api` is the kernel API of this dlf, (major, minor).

    Called once, when plugins are discovered; must not import an array library.
    """


@hookspec
def dlf_kernels(api: tuple[int, int]) -> list[KernelSpec]:
    """Overlays: kernels for devices that other plugins own. Called as `dlf_backends` is."""


@hookspec
def dlf_ops(registry: Any) -> None:
    """Declare new ops, by ``dlf.registry.composite``, when the first device is used.

    If it raises, the ops that it declared are taken back.
    """


@hookspec
def dlf_optimizers() -> dict[str, str]:
    """Optimizers: name -> ``"package.module:Class"``. Called as `dlf_backends` is."""


@hookspec
def dlf_datasets() -> dict[str, DatasetSpec]:
    """Datasets: name -> `DatasetSpec`. Called as `dlf_backends` is."""


@hookspec
def dlf_cli(group: Any) -> None:
    """Add commands to the ``click.Group`` of the command `dlf`, by ``group.add_command``.

    If it raises, the commands that it added are taken back.
    """


@hookspec
def dlf_conform_cases(device: Any) -> Iterable[Any]:
    """Further cases for ``dlf conform`` on `device`, a ``dlf.device``."""
