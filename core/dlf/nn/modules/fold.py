"""Fold and Unfold."""

from __future__ import annotations

from dlf.nn import functional as F
from dlf.nn.module import Module
from dlf.nn.modules.utils import SizeAny
from dlf.tensor import Tensor

__all__ = ["Fold", "Unfold"]


class Unfold(Module):
    """Cut (N, C, H, W) into blocks: (N, C * prod(kernel_size), number of blocks)."""

    def __init__(
        self,
        kernel_size: SizeAny,
        dilation: SizeAny = 1,
        padding: SizeAny = 0,
        stride: SizeAny = 1,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """Give the blocks as columns."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Module):
    """Add up the blocks of `Unfold` where they overlap, to (N, C, *output_size)."""

    def __init__(
        self,
        output_size: SizeAny,
        kernel_size: SizeAny,
        dilation: SizeAny = 1,
        padding: SizeAny = 0,
        stride: SizeAny = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """Give the sums of the blocks."""
        return F.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )
