"""2-D convolution and its gradients, as matrix products over the patches of several images.

With stride 1 the patches of a padded image are long runs of its rows laid end to end, wrapping from
one row to the next: such runs copy three times as fast as single windows, and the few columns that
wrap are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from dlf_numpy_cpu.lowprec import through_float32
from dlf_numpy_cpu.quiet import quiet

__all__ = ["kernels"]

Array = npt.NDArray[Any]
Pair = tuple[int, ...]

_PATCHES = 1 << 20  # Elements of patches at a time.


class Plan(NamedTuple):
    """The sizes of one convolution."""

    channels: int
    height: int
    width: int
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int

    @property
    def padded(self) -> Pair:
        """Height and width of a padded image."""
        return self.height + 2 * self.padding[0], self.width + 2 * self.padding[1]

    @property
    def out(self) -> Pair:
        """Height and width of the result."""
        (h, w), (kh, kw), (sh, sw), (dh, dw) = self.padded, self.kernel, self.stride, self.dilation
        return (h - dh * (kh - 1) - 1) // sh + 1, (w - dw * (kw - 1) - 1) // sw + 1

    @property
    def run(self) -> int:
        """Elements in a row of the patches for one image."""
        (oh, ow), wide = self.out, self.padded[1]
        return (oh - 1) * wide + ow if self.stride == (1, 1) else oh * ow

    def images(self, count: int) -> Iterator[slice]:
        """The images in pieces whose patches fit the cache."""
        size = self.channels * self.kernel[0] * self.kernel[1] * self.run
        step = max(1, _PATCHES // max(size, 1))
        for start in range(0, count, step):
            yield slice(start, min(start + step, count))


def _plan(
    x_shape: tuple[int, ...], kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Plan:
    return Plan(
        x_shape[1],
        x_shape[2],
        x_shape[3],
        kernel,
        tuple(stride),
        tuple(padding),
        tuple(dilation),
        groups,
    )


def _pad(x: Array, plan: Plan) -> Array:
    ph, pw = plan.padding
    if not (ph or pw):
        return np.ascontiguousarray(x)
    out = np.zeros((*x.shape[:2], *plan.padded), x.dtype)
    out[:, :, ph : ph + plan.height, pw : pw + plan.width] = x
    return out


def _patches(padded: Array, plan: Plan) -> Array:
    """(groups, C / groups * kernel, images * run)."""
    count = padded.shape[0]
    n, c, h, w = padded.strides
    (kh, kw), (sh, sw), (dh, dw) = plan.kernel, plan.stride, plan.dilation
    if plan.stride == (1, 1):
        shape: tuple[int, ...] = (plan.channels, kh, kw, count, plan.run)
        view = as_strided(padded, shape, (c, h * dh, w * dw, n, w), writeable=False)
    else:
        shape = (plan.channels, kh, kw, count, *plan.out)
        view = as_strided(padded, shape, (c, h * dh, w * dw, n, h * sh, w * sw), writeable=False)
    rows = plan.channels // plan.groups * kh * kw
    return view.reshape(plan.groups, rows, count * plan.run)


def _runs(values: Array, plan: Plan) -> Array:
    """(images, O, *out) as (groups, O / groups, images * run), zeros where a run wraps."""
    count, channels, oh, ow = values.shape
    if plan.stride != (1, 1):
        return values.transpose(1, 0, 2, 3).reshape(plan.groups, channels // plan.groups, -1)
    wide = plan.padded[1]
    rows = np.zeros((channels, count, oh, wide), values.dtype)
    rows[..., :ow] = values.transpose(1, 0, 2, 3)
    used = rows.reshape(channels, count, oh * wide)[:, :, : plan.run]
    return used.reshape(plan.groups, channels // plan.groups, count * plan.run)


def _unrun(product: Array, plan: Plan, count: int) -> Array:
    """(groups, O / groups, images * run) as (images, O, *out), a view."""
    (oh, ow), wide = plan.out, plan.padded[1]
    flat = product.reshape(-1, count, plan.run)
    if plan.stride != (1, 1):
        return flat.reshape(-1, count, oh, ow).transpose(1, 0, 2, 3)
    o, n, w = flat.strides
    view = as_strided(flat, (flat.shape[0], count, oh, ow), (o, n, wide * w, w), writeable=False)
    return view.transpose(1, 0, 2, 3)


def conv2d(
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> Array:
    """(N, C, H, W) by (O, C / groups, KH, KW)."""
    plan = _plan(x.shape, weight.shape[2:], stride, padding, dilation, groups)
    out = np.empty((x.shape[0], weight.shape[0], *plan.out), x.dtype)
    if out.size == 0:
        return out
    matrix = weight.reshape(groups, weight.shape[0] // groups, -1)
    shift = np.zeros((), x.dtype) if bias is None else bias[:, None, None]
    for part in plan.images(x.shape[0]):
        padded = _pad(x[part], plan)
        product = np.matmul(matrix, _patches(padded, plan))
        np.add(_unrun(product, plan, padded.shape[0]), shift, out=out[part])
    return out


def conv2d_input_grad(
    grad: Array,
    weight: Array,
    x_shape: tuple[int, ...],
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> Array:
    """Gradient by the input; also the transposed convolution."""
    plan = _plan(x_shape, weight.shape[2:], stride, padding, dilation, groups)
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = plan.kernel, plan.stride, plan.padding, plan.dilation
    (oh, ow), (high, wide) = plan.out, plan.padded
    out = np.empty(x_shape, grad.dtype)
    if grad.size == 0:
        out[...] = 0
        return out
    matrix = weight.reshape(groups, weight.shape[0] // groups, -1).swapaxes(1, 2)
    for part in plan.images(x_shape[0]):
        count = part.stop - part.start
        runs = _runs(grad[part], plan)
        # One filter a group (depthwise) makes outer products, which NumPy's matmul is slow at.
        product = matrix * runs if matrix.shape[2] == 1 else np.matmul(matrix, runs)
        total = np.zeros((plan.channels, count, high, wide), grad.dtype)
        if plan.stride == (1, 1):
            lines = product.reshape(plan.channels, kh, kw, count, plan.run)
            flat = total.reshape(plan.channels, count, high * wide)
            for i in range(kh):
                for j in range(kw):
                    at = i * dh * wide + j * dw
                    flat[:, :, at : at + plan.run] += lines[:, i, j]
        else:
            windows = product.reshape(plan.channels, kh, kw, count, oh, ow)
            for i in range(kh):
                for j in range(kw):
                    top, left = i * dh, j * dw
                    total[:, :, top : top + sh * oh : sh, left : left + sw * ow : sw][
                        :, :, :oh, :ow
                    ] += windows[:, i, j]
        out[part] = total[:, :, ph : ph + plan.height, pw : pw + plan.width].transpose(1, 0, 2, 3)
    return out


def conv2d_weight_grad(
    grad: Array,
    x: Array,
    weight_shape: tuple[int, ...],
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> Array:
    """Gradient by the weight."""
    plan = _plan(x.shape, weight_shape[2:], stride, padding, dilation, groups)
    rows = plan.channels // groups * plan.kernel[0] * plan.kernel[1]
    total = np.zeros((groups, weight_shape[0] // groups, rows), grad.dtype)
    if grad.size:
        for part in plan.images(x.shape[0]):
            patches = _patches(_pad(x[part], plan), plan)
            total += np.matmul(_runs(grad[part], plan), patches.swapaxes(1, 2))
    return total.reshape(weight_shape)


def kernels() -> dict[str, Callable[..., Any]]:
    """Kernel by name."""
    return {
        k.__name__: through_float32(quiet(k))
        for k in (conv2d, conv2d_input_grad, conv2d_weight_grad)
    }
