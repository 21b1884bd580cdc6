"""AdaptiveAvgPool1d to 3d and AdaptiveMaxPool1d to 3d."""

from __future__ import annotations

from typing import Any

from dlf.nn import functional as F
from dlf.nn.module import Module
from dlf.tensor import Tensor

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
]

# One number or one for each dimension; None keeps the input's size, but in one dimension.
OutputSize = Any


class _AdaptiveAvgPool(Module):
    def __init__(self, output_size: OutputSize) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means of windows of (N, C, L) that give just `output_size` of them."""

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, C, L) to (N, C, output_size)."""
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """As `AdaptiveAvgPool1d` for (N, C, H, W); an entry None keeps the input's size."""

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, *output_size)."""
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """As `AdaptiveAvgPool1d` for (N, C, D, H, W); an entry None keeps the input's size."""

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, C, D, H, W) to (N, C, *output_size)."""
        return F.adaptive_avg_pool3d(input, self.output_size)


class _AdaptiveMaxPool(Module):
    def __init__(self, output_size: OutputSize, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maxima of windows of (N, C, L) that give just `output_size` of them.

    Args:
        output_size: the number of windows.
        return_indices: give (output, indices). Default: False.
    """

    def forward(self, input: Tensor) -> Any:
        """Map (N, C, L) to (N, C, output_size)."""
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """As `AdaptiveMaxPool1d` for (N, C, H, W); an entry None keeps the input's size."""

    def forward(self, input: Tensor) -> Any:
        """Map (N, C, H, W) to (N, C, *output_size)."""
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """As `AdaptiveMaxPool1d` for (N, C, D, H, W); an entry None keeps the input's size."""

    def forward(self, input: Tensor) -> Any:
        """Map (N, C, D, H, W) to (N, C, *output_size)."""
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)
