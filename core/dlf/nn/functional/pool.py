"""Pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import dlf
from dlf.amp.listed import listed
from dlf.ops import pool as ops
from dlf.ops.conv import Pairs, output_size, pad_spatial, symmetric, volume

from ._check import Ints, tuple_of

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
]


IntOr = int | Sequence[int]


def _batched(name: str, input: Tensor, n: int) -> tuple[Tensor, bool]:
    """`input` with a batch dimension, and whether it had one."""
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"{name}: Expected {n + 1}D or {n + 2}D (batch mode) tensor for input, got size "
            f"{list(input.shape)}"
        )
    return (input, True) if input.ndim == n + 2 else (input.unsqueeze(0), False)


def _steps(
    name: str, n: int, kernel_size: IntOr, stride: IntOr | None, padding: IntOr
) -> tuple[Ints, Ints, Ints]:
    kernel = tuple_of(kernel_size, n, "kernel_size")
    strides = (
        kernel if stride is None or stride == () or stride == [] else tuple_of(stride, n, "stride")
    )
    pads = tuple_of(padding, n, "padding")
    if min(kernel) <= 0:
        raise RuntimeError(f"{name}: kernel size should be greater than zero, got {list(kernel)}")
    if min(strides) <= 0:
        raise RuntimeError(f"{name}: stride should be greater than zero, got {list(strides)}")
    for k, p in zip(kernel, pads, strict=True):
        if p < 0:
            raise RuntimeError(f"{name}: pad must be non-negative, but got pad: {p}")
        if p > k // 2:
            raise RuntimeError(
                "pad should be at most half of effective kernel size, but got "
                f"pad={p}, kernel_size={k}"
            )
    return kernel, strides, pads


def _ceil_extra(size: Ints, kernel: Ints, stride: Ints, pads: Ints, dilation: Ints) -> Ints:
    """What each dimension lacks at its end for the last window, cut off, to count."""
    extras = []
    for n, k, s, p, d in zip(size, kernel, stride, pads, dilation, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        count = -(-room // s) + 1
        # The last window has to begin inside the input or its padding in front.
        if (count - 1) * s >= n + p:
            count -= 1
        extras.append(max((count - 1) * s - room, 0))
    return tuple(extras)


def _check_output(name: str, size: Ints, out: Ints) -> None:
    if min(out) <= 0:
        raise RuntimeError(
            f"{name}: Given input size: {list(size)}. Calculated output size: {list(out)}. Output "
            "size is too small"
        )


def _max_pool(
    n: int,
    input: Tensor,
    kernel_size: IntOr,
    stride: IntOr | None,
    padding: IntOr,
    dilation: IntOr,
    ceil_mode: bool,
) -> tuple[Tensor, Tensor]:
    name = f"max_pool{n}d"
    input, batched = _batched(name, input, n)
    kernel, strides, pads = _steps(name, n, kernel_size, stride, padding)
    dilations = tuple_of(dilation, n, "dilation")
    if min(dilations) <= 0:
        raise RuntimeError(f"{name}: dilation should be greater than zero, got {list(dilations)}")
    size = tuple(input.shape[2:])
    padded = size
    if ceil_mode:
        extra = _ceil_extra(size, kernel, strides, pads, dilations)
        low = float("-inf") if input.dtype.is_floating_point else dlf.iinfo(input.dtype).min
        input = pad_spatial(input, tuple((0, e) for e in extra), low)
        padded = tuple(input.shape[2:])
    out = output_size(padded, kernel, strides, symmetric(pads), dilations)
    _check_output(name, size, out)
    if n == 1:
        values, indices = ops.max_pool2d(
            input.unsqueeze(2), (1, *kernel), (1, *strides), (0, *pads), (1, *dilations)
        )
        values, indices = values.squeeze(2), indices.squeeze(2)
    else:
        op = ops.max_pool2d if n == 2 else ops.max_pool3d
        values, indices = op(input, kernel, strides, pads, dilations)
    if padded != size:
        indices = _reindexed(indices, padded, size)
    return (values, indices) if batched else (values.squeeze(0), indices.squeeze(0))


def _reindexed(indices: Tensor, shape: Ints, other: Ints) -> Tensor:
    """Flat indices into `shape` as those of the same places in `other`."""
    result, stride = None, volume(other)
    rest, block = indices, volume(shape)
    for n, m in zip(shape, other, strict=True):
        block, stride = block // n, stride // m
        part = (rest // block) * stride
        rest = rest % block
        result = part if result is None else result + part
    return cast("Tensor", result)


def max_pool1d(
    input: Tensor,
    kernel_size: IntOr,
    stride: IntOr | None = None,
    padding: IntOr = 0,
    dilation: IntOr = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Maximum of windows of ``(N, C, L)`` or ``(C, L)``; `stride` defaults to the window's size.

    With `return_indices` also the maxima's places. `ceil_mode` counts a last window that is cut
    off. RuntimeError if the sizes do not fit.
    """
    both = _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode)
    return both if return_indices else both[0]


def max_pool2d(
    input: Tensor,
    kernel_size: IntOr,
    stride: IntOr | None = None,
    padding: IntOr = 0,
    dilation: IntOr = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Maximum of windows of ``(N, C, H, W)`` or ``(C, H, W)``; see `max_pool1d`."""
    both = _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode)
    return both if return_indices else both[0]


def max_pool3d(
    input: Tensor,
    kernel_size: IntOr,
    stride: IntOr | None = None,
    padding: IntOr = 0,
    dilation: IntOr = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Maximum of windows of ``(N, C, D, H, W)`` or ``(C, D, H, W)``; see `max_pool1d`."""
    both = _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode)
    return both if return_indices else both[0]


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: IntOr,
    stride: IntOr | None = None,
    padding: IntOr = 0,
    dilation: IntOr = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool1d` with its indices."""
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: IntOr,
    stride: IntOr | None = None,
    padding: IntOr = 0,
    dilation: IntOr = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool2d` with its indices."""
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: IntOr,
    stride: IntOr | None = None,
    padding: IntOr = 0,
    dilation: IntOr = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool3d` with its indices."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode)


def _counts(
    size: Ints, out: Ints, kernel: Ints, stride: Ints, pads: Ints, whole: bool
) -> list[Any]:
    """For each dimension, how many elements each window averages over."""
    counts = []
    for n, count, k, s, p in zip(size, out, kernel, stride, pads, strict=True):
        lo, hi = (-p, n + p) if whole else (0, n)
        starts = [i * s - p for i in range(count)]
        counts.append([max(min(start + k, hi) - max(start, lo), 1) for start in starts])
    return counts


def _avg_pool(
    n: int,
    input: Tensor,
    kernel_size: IntOr,
    stride: IntOr | None,
    padding: IntOr,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    name = f"avg_pool{n}d"
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    input, batched = _batched(name, input, n)
    kernel, strides, pads = _steps(name, n, kernel_size, stride, padding)
    size = tuple(input.shape[2:])
    extra = _ceil_extra(size, kernel, strides, pads, (1,) * n) if ceil_mode else (0,) * n
    margins: Pairs = tuple((p, p + e) for p, e in zip(pads, extra, strict=True))
    out = output_size(size, kernel, strides, margins, (1,) * n)
    _check_output(name, size, out)
    total = ops.window_sum(input, kernel, strides, margins)
    if divisor_override is not None:
        result = total / divisor_override
    else:
        counts = _counts(size, out, kernel, strides, pads, count_include_pad)
        if all(c == k for row, k in zip(counts, kernel, strict=True) for c in row):
            result = total / volume(kernel)
        else:
            result = total
            for dim, row in enumerate(counts):
                shares = dlf.tensor(row, dtype=input.dtype, device=input.device)
                result = result / shares.reshape(-1, *[1] * (n - dim - 1))
    return result if batched else result.squeeze(0)


def avg_pool1d(
    input: Tensor,
    kernel_size: IntOr,
    stride: IntOr | None = None,
    padding: IntOr = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Mean of windows of ``(N, C, L)`` or ``(C, L)``; `stride` defaults to the window's size.

    `count_include_pad`: the padding's zeros count. `ceil_mode` counts a last window that is cut
    off.
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: IntOr,
    stride: IntOr | None = None,
    padding: IntOr = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Mean of windows of ``(N, C, H, W)`` or ``(C, H, W)``; sums are divided by `divisor_override`
    if given.
    """
    return _avg_pool(
        2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@listed
def avg_pool3d(
    input: Tensor,
    kernel_size: IntOr,
    stride: IntOr | None = None,
    padding: IntOr = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Mean of windows of ``(N, C, D, H, W)`` or ``(C, D, H, W)``; see `avg_pool2d`."""
    return _avg_pool(
        3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def _lp_pool(
    n: int,
    input: Tensor,
    norm_type: float,
    kernel_size: IntOr,
    stride: IntOr | None,
    ceil_mode: bool,
) -> Tensor:
    kernel = tuple_of(kernel_size, n, "kernel_size")
    means = _avg_pool(n, input.pow(norm_type), kernel, stride, 0, ceil_mode, True, None)
    sums = dlf.sign(means) * means.abs().clamp(min=0) * volume(kernel)
    return sums.pow(1.0 / norm_type)


def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: IntOr,
    stride: IntOr | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """``sum(window ** norm_type) ** (1 / norm_type)`` over windows of ``(N, C, L)``."""
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: IntOr,
    stride: IntOr | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """``sum(window ** norm_type) ** (1 / norm_type)`` over windows of ``(N, C, H, W)``."""
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: IntOr,
    stride: IntOr | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """``sum(window ** norm_type) ** (1 / norm_type)`` over windows of ``(N, C, D, H, W)``."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)
