"""Padding by zeros, a constant, reflection, replication, or the other end."""

from __future__ import annotations

from dlf.nn import functional as F
from dlf.nn.module import Module
from dlf.nn.modules.utils import to_tuple
from dlf.tensor import Tensor

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _Pad(Module):
    """Pads the last `dims` dimensions; `padding` is (left, right, top, bottom, front, back)."""

    dims: int
    mode: str

    def __init__(self, padding: int | tuple[int, ...]) -> None:
        super().__init__()
        self.padding = to_tuple(padding, 2 * self.dims)

    def forward(self, input: Tensor) -> Tensor:
        """Make the last dimensions longer."""
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    mode = "constant"

    def __init__(self, padding: int | tuple[int, ...], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Make the last dimensions longer."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """Pad (..., L) with `value`. `padding` is one number or (left, right)."""

    dims = 1


class ConstantPad2d(_ConstantPad):
    """Pad (..., H, W) with `value`. `padding` is one number or (left, right, top, bottom)."""

    dims = 2


class ConstantPad3d(_ConstantPad):
    """Pad (..., D, H, W) with `value`. `padding` ends with (front, back)."""

    dims = 3


class ZeroPad1d(ConstantPad1d):
    """Pad (..., L) with zeros."""

    def __init__(self, padding: int | tuple[int, ...]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Pad (..., H, W) with zeros."""

    def __init__(self, padding: int | tuple[int, ...]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Pad (..., D, H, W) with zeros."""

    def __init__(self, padding: int | tuple[int, ...]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ReflectionPad(_Pad):
    mode = "reflect"


class ReflectionPad1d(_ReflectionPad):
    """Pad (..., L) with its mirror image, the edge itself not repeated."""

    dims = 1


class ReflectionPad2d(_ReflectionPad):
    """Pad (..., H, W) with its mirror image, the edge itself not repeated."""

    dims = 2


class ReflectionPad3d(_ReflectionPad):
    """Pad (..., D, H, W) with its mirror image, the edge itself not repeated."""

    dims = 3


class _ReplicationPad(_Pad):
    mode = "replicate"


class ReplicationPad1d(_ReplicationPad):
    """Pad (..., L) with its edge elements."""

    dims = 1


class ReplicationPad2d(_ReplicationPad):
    """Pad (..., H, W) with its edge elements."""

    dims = 2


class ReplicationPad3d(_ReplicationPad):
    """Pad (..., D, H, W) with its edge elements."""

    dims = 3


class _CircularPad(_Pad):
    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        """Make the last dimensions longer; ValueError for another number of dimensions."""
        if input.dim() not in (self.dims + 1, self.dims + 2):
            raise ValueError(
                f"expected {self.dims + 1}D or {self.dims + 2}D input (got {input.dim()}D input)"
            )
        return F.pad(input, self.padding, "circular")


class CircularPad1d(_CircularPad):
    """Pad (N, C, L) with the elements from the other end."""

    dims = 1


class CircularPad2d(_CircularPad):
    """Pad (N, C, H, W) with the elements from the other end."""

    dims = 2


class CircularPad3d(_CircularPad):
    """Pad (N, C, D, H, W) with the elements from the other end."""

    dims = 3
