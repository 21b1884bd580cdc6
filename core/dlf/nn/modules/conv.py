"""Conv1d, Conv2d and Conv3d."""

from __future__ import annotations

import math
from typing import Any

from dlf.nn import functional as F
from dlf.nn import init
from dlf.nn.module import Module
from dlf.nn.modules.utils import Size1, Size2, Size3, new_parameter, to_tuple
from dlf.nn.parameter import Parameter
from dlf.tensor import Tensor

__all__ = ["Conv1d", "Conv2d", "Conv3d"]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class ConvBase(Module):
    """What convolutions and transposed convolutions share: their sizes and parameters."""

    weight: Parameter
    bias: Parameter | None
    padding: str | tuple[int, ...]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: str | tuple[int, ...],
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(
                    f"Invalid padding string {padding!r}, should be one of 'same', 'valid'"
                )
            if padding == "same" and any(step != 1 for step in stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {_PADDING_MODES}, but got "
                f"padding_mode='{padding_mode}'"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        channels = (in_channels, out_channels) if transposed else (out_channels, in_channels)
        self.weight = new_parameter(
            channels[0], channels[1] // groups, *kernel_size, device=device, dtype=dtype
        )
        self.register_parameter(
            "bias", new_parameter(out_channels, device=device, dtype=dtype) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values from U(-k, k) with k = 1/sqrt(fan_in)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        if self.padding != (0,) * len(self.padding):
            text += f", padding={self.padding}"
        if self.dilation != (1,) * len(self.dilation):
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * len(self.output_padding):
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _Conv(ConvBase):
    """A convolution over `dims` spatial dimensions."""

    dims: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            to_tuple(kernel_size, self.dims),
            to_tuple(stride, self.dims),
            padding if isinstance(padding, str) else to_tuple(padding, self.dims),
            to_tuple(dilation, self.dims),
            False,
            (0,) * self.dims,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _pad_around(self, input: Tensor) -> tuple[Tensor, Any]:
        """`input` padded by `padding_mode`, and the zero padding that the kernel still adds."""
        if self.padding_mode == "zeros" or self.padding == "valid":
            return input, self.padding
        widths: list[int] = []
        for i in reversed(range(self.dims)):
            if isinstance(self.padding, str):
                total = self.dilation[i] * (self.kernel_size[i] - 1)
                widths += [total // 2, total - total // 2]
            else:
                widths += [self.padding[i]] * 2
        return F.pad(input, widths, mode=self.padding_mode), 0


class Conv1d(_Conv):
    """Cross-correlation over inputs of shape (N, C, L) or (C, L).

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        kernel_size: size of the kernel.
        stride: step between positions of the kernel. Default: 1.
        padding: added at both ends; or "same" (stride 1 only), or "valid". Default: 0.
        dilation: step between points of the kernel. Default: 1.
        groups: blocks of channels that do not see each other. Default: 1.
        bias: whether to add a number to each output channel. Default: True.
        padding_mode: "zeros", "reflect", "replicate" or "circular". Default: "zeros".

    Attributes:
        weight: (out_channels, in_channels / groups, *kernel_size), at first from U(-k, k) with
            k = 1/sqrt(in_channels / groups * prod(kernel_size)).
        bias: (out_channels) from the same distribution, or None.

    Raises:
        ValueError: groups that do not divide the channels, or an unknown padding.
    """

    dims = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size1,
        stride: Size1 = 1,
        padding: str | Size1 = 0,
        dilation: Size1 = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, C_in, L) to (N, C_out, L_out)."""
        input, padding = self._pad_around(input)
        return F.conv1d(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )


class Conv2d(_Conv):
    """Cross-correlation over inputs of shape (N, C, H, W) or (C, H, W); see `Conv1d`."""

    dims = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size2,
        stride: Size2 = 1,
        padding: str | Size2 = 0,
        dilation: Size2 = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H_out, W_out)."""
        input, padding = self._pad_around(input)
        return F.conv2d(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )


class Conv3d(_Conv):
    """Cross-correlation over inputs of shape (N, C, D, H, W) or (C, D, H, W); see `Conv1d`."""

    dims = 3

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size3,
        stride: Size3 = 1,
        padding: str | Size3 = 0,
        dilation: Size3 = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, C_in, D, H, W) to (N, C_out, D_out, H_out, W_out)."""
        input, padding = self._pad_around(input)
        return F.conv3d(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )
