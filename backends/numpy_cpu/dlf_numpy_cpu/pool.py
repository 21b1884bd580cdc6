"""2-D max pooling and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dlf_numpy_cpu.lowprec import through_float32
from dlf_numpy_cpu.quiet import quiet

__all__ = ["kernels"]

Array = npt.NDArray[Any]
Pair = tuple[int, int]


_LONGEST = 127  # Side of a window whose places one signed byte counts.


def _out(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _first_inside(out: int, stride: int, padding: int, dilation: int) -> npt.NDArray[np.int64]:
    """For each window, its first element that lies inside the image."""
    return np.maximum(-((np.arange(out) * stride - padding) // dilation), 0)


def _lowest(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def max_pool2d(
    x: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> tuple[Array, npt.NDArray[np.int64]]:
    """Maxima, and their places as row * W + column; the first of equal values, the last NaN."""
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = kernel, stride, padding, dilation
    height, width = x.shape[-2:]
    oh, ow = _out(height, kh, sh, ph, dh), _out(width, kw, sw, pw, dw)
    if ph or pw or max(kh, kw) > _LONGEST or not x.size:
        best, code = _by_taps(x, kernel, stride, padding, dilation, (oh, ow))
    else:
        best, code = _by_sides(x, kernel, stride, dilation, (oh, ow))
    taps = np.arange(kh * kw)
    shift = (taps // kw * dh - ph) * width + taps % kw * dw - pw
    places = shift.take(code)
    places += (np.arange(oh) * sh * width)[:, None] + np.arange(ow) * sw
    return best, places


def _by_sides(
    x: Array, kernel: Pair, stride: Pair, dilation: Pair, out: Pair
) -> tuple[Array, npt.NDArray[np.int16]]:
    """Maxima and window places without padding: along the rows first, then down the columns."""
    # One pass over the input tells whether places of NaN must be sought.
    nan = x.dtype.kind == "f" and bool(np.isnan(np.maximum.reduce(x, None)))
    best: Array | None = None
    across = np.zeros((), np.int8)
    for j in range(kernel[1]):
        left = j * dilation[1]
        seen = x[..., left : left + stride[1] * (out[1] - 1) + 1 : stride[1]]
        best, across = _take_greater(best, across, seen, np.int8(j), nan)
    assert best is not None
    rows, columns = best, across.astype(np.int16)
    best, code = None, np.zeros((), np.int16)
    for i in range(kernel[0]):
        top = i * dilation[0]
        window = slice(top, top + stride[0] * (out[0] - 1) + 1, stride[0])
        at = columns[..., window, :] + np.int16(i * kernel[1])
        best, code = _take_greater(best, code, rows[..., window, :], at, nan)
    assert best is not None
    return best, code


def _take_greater(
    best: Array | None, code: Array, seen: Array, at: Any, nan: bool
) -> tuple[Array, Array]:
    """`best` and its `code` with what is greater in `seen`, whose codes are `at`."""
    if best is None:
        return seen.copy(), np.broadcast_to(at, seen.shape).copy()
    better = seen > best
    if nan:
        better |= seen != seen
    np.maximum(best, seen, out=best)
    # A choice by bits: `where` branches on every element.
    code ^= (code ^ at) & -better.view(np.int8)
    return best, code


def _by_taps(
    x: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, out: Pair
) -> tuple[Array, npt.NDArray[np.int16]]:
    """Maxima and window places, the lowest value standing around the image."""
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = kernel, stride, padding, dilation
    (height, width), (oh, ow) = x.shape[-2:], out
    padded = np.full((*x.shape[:-2], height + 2 * ph, width + 2 * pw), _lowest(x.dtype), x.dtype)
    padded[..., ph : ph + height, pw : pw + width] = x
    best: Array | None = None
    # Until something greater is seen, the place is the window's first one inside the image.
    first = _first_inside(oh, sh, ph, dh)[:, None] * kw + _first_inside(ow, sw, pw, dw)
    code = np.broadcast_to(first.astype(np.int16), (*x.shape[:-2], oh, ow)).copy()
    nan = x.dtype.kind == "f"
    for i in range(kh):
        for j in range(kw):
            top, left = i * dh, j * dw
            seen = padded[
                ..., top : top + sh * (oh - 1) + 1 : sh, left : left + sw * (ow - 1) + 1 : sw
            ]
            if best is None:
                best = seen.copy()
            else:
                best, code = _take_greater(best, code, seen, np.int16(i * kw + j), nan)
    assert best is not None
    return best, code


def max_pool2d_backward(
    grad: Array, indices: npt.NDArray[np.int64], x_shape: tuple[int, ...]
) -> Array:
    """Every gradient added where its maximum came from."""
    plane = x_shape[-2] * x_shape[-1]
    flat = indices.reshape(-1, indices.shape[-2] * indices.shape[-1])
    places = flat + np.arange(len(flat))[:, None] * plane
    out = np.zeros(x_shape, grad.dtype)
    np.add.at(out.reshape(-1), places.reshape(-1), grad.reshape(-1))
    return out


def kernels() -> dict[str, Callable[..., Any]]:
    """Kernel by name."""
    return {k.__name__: through_float32(quiet(k)) for k in (max_pool2d, max_pool2d_backward)}
