"""AvgPool1d to 3d and LPPool1d to 3d."""

from __future__ import annotations

from dlf.nn import functional as F
from dlf.nn.module import Module
from dlf.nn.modules.utils import Size1, Size2, Size3, SizeAny, to_tuple
from dlf.tensor import Tensor

__all__ = ["AvgPool1d", "AvgPool2d", "AvgPool3d", "LPPool1d", "LPPool2d", "LPPool3d"]


class _AvgPool(Module):
    kernel_size: SizeAny
    stride: SizeAny
    padding: SizeAny

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """The mean of each window of (N, C, L).

    Args:
        kernel_size: size of the window.
        stride: step between windows. Default: `kernel_size`.
        padding: zeros added at both ends. Default: 0.
        ceil_mode: whether a last, partial window counts. Default: False.
        count_include_pad: whether padding counts in the mean. Default: True.
    """

    def __init__(
        self,
        kernel_size: Size1,
        stride: Size1 | None = None,
        padding: Size1 = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = to_tuple(kernel_size, 1)
        self.stride = to_tuple(stride if stride is not None else kernel_size, 1)
        self.padding = to_tuple(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, C, L) to (N, C, L_out)."""
        return F.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad,
        )  # fmt: skip


class AvgPool2d(_AvgPool):
    """The mean of each window of (N, C, H, W); see `AvgPool1d`.

    Args:
        divisor_override: divide the sums by this instead of the window's size.
    """

    def __init__(
        self,
        kernel_size: Size2,
        stride: Size2 | None = None,
        padding: Size2 = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H_out, W_out)."""
        return F.avg_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override,
        )  # fmt: skip


class AvgPool3d(_AvgPool):
    """The mean of each window of (N, C, D, H, W); see `AvgPool2d`."""

    def __init__(
        self,
        kernel_size: Size3,
        stride: Size3 | None = None,
        padding: Size3 = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, C, D, H, W) to (N, C, D_out, H_out, W_out)."""
        return F.avg_pool3d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override,
        )  # fmt: skip


class _LPPool(Module):
    def __init__(
        self,
        norm_type: float,
        kernel_size: SizeAny,
        stride: SizeAny | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """The p-norm (p = `norm_type`) of each window of (N, C, L)."""

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, C, L) to (N, C, L_out)."""
        return F.lp_pool1d(
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )


class LPPool2d(_LPPool):
    """The p-norm (p = `norm_type`) of each window of (N, C, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H_out, W_out)."""
        return F.lp_pool2d(
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )


class LPPool3d(_LPPool):
    """The p-norm (p = `norm_type`) of each window of (N, C, D, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, C, D, H, W) to (N, C, D_out, H_out, W_out)."""
        return F.lp_pool3d(
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )
