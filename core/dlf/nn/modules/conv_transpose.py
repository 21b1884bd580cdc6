"""ConvTranspose1d, ConvTranspose2d and ConvTranspose3d."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dlf.nn import functional as F
from dlf.nn.modules.conv import ConvBase
from dlf.nn.modules.utils import Size1, Size2, Size3, to_tuple
from dlf.tensor import Tensor

__all__ = ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


class _ConvTranspose(ConvBase):
    """A transposed convolution over `dims` spatial dimensions."""

    dims: int
    padding: tuple[int, ...]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        output_padding: Any,
        groups: int,
        bias: bool,
        dilation: Any,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            in_channels,
            out_channels,
            to_tuple(kernel_size, self.dims),
            to_tuple(stride, self.dims),
            to_tuple(padding, self.dims),
            to_tuple(dilation, self.dims),
            True,
            to_tuple(output_padding, self.dims),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _padding_for(self, input: Tensor, output_size: Sequence[int] | None) -> tuple[int, ...]:
        """The output padding that gives `output_size`; ValueError if none does."""
        if output_size is None:
            return self.output_padding
        dims = self.dims
        leading = 2 if input.dim() == dims + 2 else 1
        wanted = list(output_size)
        if len(wanted) == leading + dims:
            wanted = wanted[leading:]
        if len(wanted) != dims:
            raise ValueError(
                f"ConvTranspose{dims}D: for {input.dim()}D input, output_size must have {dims} or "
                f"{leading + dims} elements (got {len(wanted)})"
            )
        least = [
            (input.shape[i + leading] - 1) * self.stride[i]
            - 2 * self.padding[i]
            + self.dilation[i] * (self.kernel_size[i] - 1)
            + 1
            for i in range(dims)
        ]
        most = [low + step - 1 for low, step in zip(least, self.stride, strict=True)]
        if any(not a <= b <= c for a, b, c in zip(least, wanted, most, strict=True)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {least} to "
                f"{most} (for an input of {input.shape[2:]})"
            )
        return tuple(size - low for size, low in zip(wanted, least, strict=True))


class ConvTranspose1d(_ConvTranspose):
    """The gradient of `Conv1d` with respect to its input, as a layer.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        kernel_size: size of the kernel.
        stride: step between positions of the kernel in the output. Default: 1.
        padding: taken off the output at both ends. Default: 0.
        output_padding: added to the output at its end. Default: 0.
        groups: blocks of channels that do not see each other. Default: 1.
        bias: whether to add a number to each output channel. Default: True.
        dilation: step between points of the kernel. Default: 1.
        padding_mode: only "zeros".

    Attributes:
        weight: (in_channels, out_channels / groups, *kernel_size), at first from U(-k, k) with
            k = 1/sqrt(out_channels / groups * prod(kernel_size)).
        bias: (out_channels) from the same distribution, or None.
    """

    dims = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size1,
        stride: Size1 = 1,
        padding: Size1 = 0,
        output_padding: Size1 = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size1 = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, output_padding, groups, bias,
            dilation, padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Map (N, C_in, L) to (N, C_out, L_out); `output_size` chooses among possible L_out."""
        extra = self._padding_for(input, output_size)
        return F.conv_transpose1d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups,
            self.dilation,
        )  # fmt: skip


class ConvTranspose2d(_ConvTranspose):
    """The gradient of `Conv2d` with respect to its input, as a layer; see `ConvTranspose1d`."""

    dims = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size2,
        stride: Size2 = 1,
        padding: Size2 = 0,
        output_padding: Size2 = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size2 = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, output_padding, groups, bias,
            dilation, padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H_out, W_out)."""
        extra = self._padding_for(input, output_size)
        return F.conv_transpose2d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups,
            self.dilation,
        )  # fmt: skip


class ConvTranspose3d(_ConvTranspose):
    """The gradient of `Conv3d` with respect to its input, as a layer; see `ConvTranspose1d`."""

    dims = 3

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size3,
        stride: Size3 = 1,
        padding: Size3 = 0,
        output_padding: Size3 = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size3 = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, output_padding, groups, bias,
            dilation, padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Map (N, C_in, D, H, W) to (N, C_out, D_out, H_out, W_out)."""
        extra = self._padding_for(input, output_size)
        return F.conv_transpose3d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups,
            self.dilation,
        )  # fmt: skip
