"""Holds a backend to its claims: dtypes that it does not claim never reach its kernels.

A backend that claims all dtypes for all ops is called directly; only what `Caps` leaves out is
wrapped, so that a whole backend pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import dtypes

if TYPE_CHECKING:
    from .devices import device as Device
    from .registry import Op

__all__ = ["check_stored", "held"]

Kernel = Callable[..., Any]

# Where an op that makes arrays of a dtype of its caller's choice has that dtype.
_MAKES = {"full": 2, "arange": 3, "cast": 1}
_ALL = frozenset(x.name for x in vars(dtypes).values() if isinstance(x, dtypes.dtype))


def check_stored(device: Device, dtype: dtypes.dtype) -> None:
    """TypeError unless the backend of `device` claims to store `dtype`."""
    claimed = device.backend.caps.dtypes
    if dtype.name not in claimed:
        raise TypeError(
            f"device {device} does not store {dtype}; it stores {', '.join(sorted(claimed))}. "
            "Convert first, as in x.to(dlf.float32)"
        )


def held(
    op: Op, kernel: Kernel, otherwise: Kernel, device: Device, allowed: frozenset[str] | None
) -> Kernel:
    """`kernel`, with calls in dtypes that the backend does not claim for `op` sent elsewhere.

    `allowed` are the dtypes it claims, None for all that it stores. `otherwise` runs the op on the
    device's arrays without the kernel: through the op's decomposition, or on the host.
    """
    made = _stored(op, kernel, device)
    if allowed is None:
        return made
    # The dtype that an op computes in is that of its first array, of the second one for `where`.
    computed = 1 if op.name == "where" else 0

    def limited(*args: Any) -> Any:
        arrays = (x for a in args[computed : op.inputs] for x in _flat(a) if hasattr(x, "shape"))
        first = next(arrays, None)
        if first is None or device.backend.dtype_of(first).name in allowed:
            return made(*args)
        return otherwise(*args)

    return limited


def _flat(a: Any) -> Any:
    return a if isinstance(a, (tuple, list)) else (a,)


def _stored(op: Op, kernel: Kernel, device: Device) -> Kernel:
    at = _MAKES.get(op.name)
    if at is None or device.backend.caps.dtypes >= _ALL:
        return kernel

    def checked(*args: Any) -> Any:
        check_stored(device, args[at])
        return kernel(*args)

    return checked
