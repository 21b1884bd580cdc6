"""Convolutions and their gradients: cuDNN where it is installed, otherwise kernels of our own."""

from __future__ import annotations

from typing import Any

from dlf_cupy_gpu import launch
from dlf_cupy_gpu.launch import is_wide
from dlf_cupy_gpu.module import Modules

from . import conv_cudnn
from . import conv_launch as geometry
from .common import Array, Kernel, accumulator, contiguous, kind
from .conv_cudnn import Cudnn

__all__ = ["kernels"]

_FILE, _DIRECT = "conv.cu", "conv_direct.cu"

Ints = tuple[int, ...]


def _check(s: geometry.Sizes) -> None:
    """ValueError for images or weights of a group in which places are no 32-bit numbers."""
    if max(s.channels * s.volume, s.outputs * s.places, s.channels * s.outputs * s.taps) >= 1 << 31:
        raise ValueError(
            f"convolution of {s.channels} channels of size {s.size} to {s.outputs} of size {s.out} "
            "in one group: an image, its result and the weight must each have fewer than 2**31 "
            "elements; use less of them, or cuDNN"
        )


class _Convolutions:
    """The kernels, with what they run on."""

    def __init__(self, modules: Modules, cudnn: Cudnn | None) -> None:
        self.modules, self.xp, self.cudnn = modules, modules.xp, cudnn

    def conv(
        self,
        input: Array,
        weight: Array,
        bias: Array | None,
        stride: Ints,
        padding: Ints,
        dilation: Ints,
        groups: int,
    ) -> Array:
        """See `conv2d` in the kernel contract."""
        dtype = kind(input)
        s = geometry.sizes(input.shape, weight.shape, stride, padding, dilation, groups)
        dims = len(stride)
        x, w = (contiguous(self.modules, a) for a in (input, weight))
        b = None if bias is None else contiguous(self.modules, bias)
        y = self.xp.empty((s.batch, s.groups * s.outputs, *s.out[3 - dims :]), input.dtype)
        if not y.size:
            return y
        if not x.size or not w.size:
            y[...] = 0 if b is None else b.reshape(-1, *[1] * dims)
            return y
        if self.cudnn is not None and self.cudnn.conv(x, w, b, y, stride, padding, dilation):
            return y
        arguments = (x, w, b, y, *s.flat())
        if geometry.is_direct(s):
            spread = launch.items(y.size)
            function = self.modules.function(_DIRECT, "conv_direct", dtype)
            function(spread.grid, spread.block, arguments)
            return y
        depth, columns = s.channels * s.taps, s.batch * s.places
        _check(s)
        even = is_wide(w.itemsize, (self.modules.address(w),), (depth,))
        plan = geometry.products(s.outputs, columns, s.groups, w.itemsize)
        function = self.modules.function(_FILE, "conv_wide" if even else "conv", dtype)
        function(plan.grid, plan.block, arguments, plan.shared)
        return y

    def input_grad(
        self,
        grad: Array,
        weight: Array,
        input_shape: Ints,
        stride: Ints,
        padding: Ints,
        dilation: Ints,
        groups: int,
    ) -> Array:
        """See `conv2d_input_grad` in the kernel contract."""
        dtype = kind(grad)
        s = self._sizes(grad, input_shape, weight.shape, stride, padding, dilation, groups)
        g, w = (contiguous(self.modules, a) for a in (grad, weight))
        if not (g.size and w.size):
            return self.xp.zeros(input_shape, grad.dtype)
        dx = self.xp.empty(input_shape, grad.dtype)
        if not dx.size:
            return dx
        if self.cudnn is not None and self.cudnn.input_grad(g, w, dx, stride, padding, dilation):
            return dx
        arguments = (g, w, dx, *s.flat())
        if geometry.is_direct(s):
            spread = launch.items(dx.size)
            function = self.modules.function(_DIRECT, "conv_direct_input_grad", dtype)
            function(spread.grid, spread.block, arguments)
            return dx
        _check(s)
        plan = geometry.products(s.channels, s.batch * s.volume, s.groups, w.itemsize)
        function = self.modules.function(_FILE, "conv_input_grad", dtype)
        function(plan.grid, plan.block, arguments, plan.shared)
        return dx

    def weight_grad(
        self,
        grad: Array,
        input: Array,
        weight_shape: Ints,
        stride: Ints,
        padding: Ints,
        dilation: Ints,
        groups: int,
    ) -> Array:
        """See `conv2d_weight_grad` in the kernel contract."""
        dtype = kind(grad)
        s = self._sizes(grad, input.shape, weight_shape, stride, padding, dilation, groups)
        g, x = (contiguous(self.modules, a) for a in (grad, input))
        if not (g.size and x.size):
            return self.xp.zeros(weight_shape, grad.dtype)
        dw = self.xp.empty(weight_shape, grad.dtype)
        if not dw.size:
            return dw
        if self.cudnn is not None and self.cudnn.weight_grad(g, x, dw, stride, padding, dilation):
            return dw
        if geometry.is_direct(s):
            function = self.modules.function(_DIRECT, "conv_direct_weight_grad", dtype)
            function((min(dw.size, launch.GRID),), (256,), (g, x, dw, *s.flat()))
            return dw
        _check(s)
        splits = geometry.splits(s, g.itemsize, self.modules.processors())
        sums = None
        if splits > 1:
            sums = self.xp.empty((splits, *weight_shape), accumulator(g.dtype))
        plan = geometry.weights(s, g.itemsize, splits)
        function = self.modules.function(_FILE, "conv_weight_grad", dtype)
        function(plan.grid, plan.block, (g, x, sums, dw, splits, *s.flat()), plan.shared)
        if sums is not None:
            spread = launch.items(dw.size)
            function = self.modules.function(_FILE, "conv_weight_sum", dtype)
            function(spread.grid, spread.block, (sums, dw, splits, dw.size))
        return dw

    @staticmethod
    def _sizes(grad: Array, *rest: Any) -> geometry.Sizes:
        """The sizes, with the places that the gradient has.

        A transposed convolution may ask for an input that a further window would fit in.
        """
        sizes = geometry.sizes(*rest)
        out = grad.shape[2:]
        return sizes._replace(out=(*[1] * (3 - len(out)), *out))


def kernels(modules: Modules, cudnn: Cudnn | None = None) -> dict[str, Kernel]:
    """Kernel by op name.

    Args:
        modules: what compiles and launches.
        cudnn: what is asked first. Default: cuDNN over `modules.xp` where it is installed.
    """
    made = _Convolutions(modules, conv_cudnn.find(modules.xp) if cudnn is None else cudnn)
    table: dict[str, Kernel] = {}
    for name in ("conv2d", "conv3d"):
        table[name] = made.conv
        table[f"{name}_input_grad"] = made.input_grad
        table[f"{name}_weight_grad"] = made.weight_grad
    return table
