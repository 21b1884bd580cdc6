"""`Case`: one thing that a device must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .subject import Subject

__all__ = ["GROUPS", "Case", "Skipped"]

GROUPS = {
    "L0": "arrays go to the device and back",
    "L1": "primitive kernels",
    "L2": "fused kernels of composites",
    "gradient": "derivatives",
    "system": "training, saving, data loading, threads",
    "service": "streams, memory, random numbers and the other services",
    "linalg": "matrix decompositions",
    "fft": "Fourier transforms",
    "random": "random numbers made on the device",
    "complex": "complex numbers",
    "plugin": "cases that plugins bring",
}


class Skipped(Exception):  # noqa: N818  # an outcome, not an error
    """Raised by a case that does not apply to the device; its text says why."""


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that a device must do.

    Args:
        name: unique, such as ``"add/float32/broadcast"``; what ``--case GLOB`` selects by.
        run: raises AssertionError where the device is wrong and `Skipped` where this does not
            apply; any other exception counts as a failure too.
        group: one of `GROUPS`.
        op: the op that is at stake, for ``--op GLOB`` and the coverage matrix; empty for none.
        dtype: the dtype that the backend must claim (for `op`, if it limits that one) for the case
            to run; empty for none.
    """

    name: str
    run: Callable[[Subject], None]
    group: str = "L1"
    op: str = ""
    dtype: str = ""
