"""What the hooks return: light descriptions, each with the place to load the thing itself from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .version import accepts

__all__ = ["BackendSpec", "DatasetSpec", "KernelSpec", "check_target"]

_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def check_target(where: str, target: object) -> None:
    """ValueError unless `target` is text such as ``"package.module:Name"``."""
    if not isinstance(target, str) or _TARGET.fullmatch(target) is None:
        raise ValueError(f"{where}: load={target!r} is not 'package.module:Name'")


def _check(kind: str, name: str, device_type: str, load: str, requires_api: str) -> None:
    for field, value in (("name", name), ("device_type", device_type)):
        if not isinstance(value, str) or not value.isidentifier():
            raise ValueError(f"{kind}: {field}={value!r} is not an identifier")
    check_target(f"{kind} '{name}'", load)
    accepts(requires_api)


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """A device type that a plugin gives.

    Args:
        name: the backend's name, such as ``"numpy_cpu"``.
        device_type: what users write in ``dlf.device(...)``, such as ``"cpu"``.
        load: ``"package.module:Class"`` of a `Backend`; imported when the device is first used.
        requires_api: the kernel APIs it works with, such as ``">=1.0,<2"``.
        priority: of two backends for one device type, the higher one is used.
        native: importing, making or probing it runs native code that could take the process down or
            never return, so that this is tried in a child process first, with a time limit. Say
            False of pure Python, and save that time.

    ValueError for a name that is no identifier, and for `load` or `requires_api` that cannot be
    read.
    """

    name: str
    device_type: str
    load: str
    requires_api: str = ">=1.0,<2"
    priority: int = 0
    native: bool = True

    def __post_init__(self) -> None:
        _check("BackendSpec", self.name, self.device_type, self.load, self.requires_api)


@dataclass(frozen=True, slots=True)
class KernelSpec:
    """An overlay: kernels for a device that another plugin owns.

    Args:
        name: the overlay's name, such as ``"numba_cpu"``.
        device_type: the device whose kernels it replaces.
        load: ``"package.module:kernels"``, a mapping of op name to kernel or a function for one;
            imported when the device is first used.
        requires_api: the kernel APIs it works with, such as ``">=1.0,<2"``.
        priority: of two overlays with a kernel for one op, the higher one's is used.

    ValueError as for `BackendSpec`.
    """

    name: str
    device_type: str
    load: str
    requires_api: str = ">=1.0,<2"
    priority: int = 0

    def __post_init__(self) -> None:
        _check("KernelSpec", self.name, self.device_type, self.load, self.requires_api)


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """A dataset that a plugin gives.

    Args:
        load: ``"package.module:function"``; the function is ``f(root=None, train=True)``.
        description: one line for listings.
        licence: the data's licence, as short as it can be named.
    """

    load: str
    description: str
    licence: str = ""

    def __post_init__(self) -> None:
        check_target("DatasetSpec", self.load)
