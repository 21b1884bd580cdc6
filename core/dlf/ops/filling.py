"""Writing into a whole tensor: `copy_`, `fill_` and what is made of them."""

from __future__ import annotations

from typing import Any

from ..inplace import check_writable, write
from ..tensor import Tensor
from .creation import arange, full
from .indexing import overwrite
from .movement import expand
from .transfer import write_late

__all__ = ["METHODS"]


def copy_(self: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """Write `src`, broadcast and cast, into this tensor.

    `non_blocking`: the host need not wait where one of the two is on a device and the other one in
    pinned memory. The pinned one must not be written, or read, before the device is synchronised.
    """
    check_writable(self, "copy_")
    if non_blocking and write_late(self, src):
        return self
    late = non_blocking and self.device.type != "cpu"
    source = src.to(self.device, self.dtype, non_blocking=late)
    return write(self, overwrite(self, expand(source, self._data.shape)), "copy_")


def fill_(self: Tensor, value: Any) -> Tensor:
    """Write `value`, a number or a 0-d tensor, everywhere."""
    check_writable(self, "fill_")
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} "
                "dimensions."
            )
        source = value.to(self.device, self.dtype)
    else:
        source = full((), value, dtype=self.dtype, device=self.device)
    return write(self, overwrite(self, expand(source, self._data.shape)), "fill_")


def zero_(self: Tensor) -> Tensor:
    """Write zeros everywhere."""
    return fill_(self, 0)


def fill_diagonal_(self: Tensor, value: Any) -> Tensor:
    """Write `value` on the main diagonal of a matrix."""
    n = min(self._data.shape)
    at = arange(n, device=self.device)
    self[at, at] = value
    return self


METHODS: dict[str, Any] = {
    "copy_": copy_,
    "fill_": fill_,
    "zero_": zero_,
    "fill_diagonal_": fill_diagonal_,
}
