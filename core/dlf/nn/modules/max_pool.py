"""MaxPool1d to 3d and their inverses, MaxUnpool1d to 3d."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dlf.nn import functional as F
from dlf.nn.module import Module
from dlf.nn.modules.utils import Size1, Size2, Size3, SizeAny, to_tuple
from dlf.tensor import Tensor

__all__ = [
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]


class _MaxPool(Module):
    def __init__(
        self,
        kernel_size: SizeAny,
        stride: SizeAny | None = None,
        padding: SizeAny = 0,
        dilation: SizeAny = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest element of each window of (N, C, L).

    Args:
        kernel_size: size of the window.
        stride: step between windows. Default: `kernel_size`.
        padding: -inf added at both ends. Default: 0.
        dilation: step between elements of a window. Default: 1.
        return_indices: give (output, indices), for `MaxUnpool1d`. Default: False.
        ceil_mode: whether a last, partial window counts. Default: False.
    """

    def forward(self, input: Tensor) -> Any:
        """Map (N, C, L) to (N, C, L_out)."""
        return F.max_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.dilation,
            ceil_mode=self.ceil_mode, return_indices=self.return_indices,
        )  # fmt: skip


class MaxPool2d(_MaxPool):
    """The largest element of each window of (N, C, H, W); see `MaxPool1d`."""

    def forward(self, input: Tensor) -> Any:
        """Map (N, C, H, W) to (N, C, H_out, W_out)."""
        return F.max_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.dilation,
            ceil_mode=self.ceil_mode, return_indices=self.return_indices,
        )  # fmt: skip


class MaxPool3d(_MaxPool):
    """The largest element of each window of (N, C, D, H, W); see `MaxPool1d`."""

    def forward(self, input: Tensor) -> Any:
        """Map (N, C, D, H, W) to (N, C, D_out, H_out, W_out)."""
        return F.max_pool3d(
            input, self.kernel_size, self.stride, self.padding, self.dilation,
            ceil_mode=self.ceil_mode, return_indices=self.return_indices,
        )  # fmt: skip


class _MaxUnpool(Module):
    dims: int

    def __init__(
        self, kernel_size: SizeAny, stride: SizeAny | None = None, padding: SizeAny = 0
    ) -> None:
        super().__init__()
        self.kernel_size = to_tuple(kernel_size, self.dims)
        self.stride = to_tuple(stride if stride is not None else kernel_size, self.dims)
        self.padding = to_tuple(padding, self.dims)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Put the maxima of `MaxPool1d` back where they were, with zeros between them."""

    dims = 1

    def __init__(self, kernel_size: Size1, stride: Size1 | None = None, padding: Size1 = 0) -> None:
        super().__init__(kernel_size, stride, padding)

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """Map (N, C, L) to (N, C, L_out); `output_size` chooses among possible L_out."""
        return F.max_unpool1d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class MaxUnpool2d(_MaxUnpool):
    """Put the maxima of `MaxPool2d` back where they were, with zeros between them."""

    dims = 2

    def __init__(self, kernel_size: Size2, stride: Size2 | None = None, padding: Size2 = 0) -> None:
        super().__init__(kernel_size, stride, padding)

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """Map (N, C, H, W) to (N, C, H_out, W_out)."""
        return F.max_unpool2d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class MaxUnpool3d(_MaxUnpool):
    """Put the maxima of `MaxPool3d` back where they were, with zeros between them."""

    dims = 3

    def __init__(self, kernel_size: Size3, stride: Size3 | None = None, padding: Size3 = 0) -> None:
        super().__init__(kernel_size, stride, padding)

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """Map (N, C, D, H, W) to (N, C, D_out, H_out, W_out)."""
        return F.max_unpool3d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )
