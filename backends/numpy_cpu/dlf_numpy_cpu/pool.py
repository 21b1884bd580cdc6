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
    if ph or pw:
        padded = np.full(
            (*x.shape[:-2], height + 2 * ph, width + 2 * pw), _lowest(x.dtype), x.dtype
        )
        padded[..., ph : ph + height, pw : pw + width] = x
    else:
        padded = x
    best: Array | None = None
    # Until something greater is seen, the place is the window's first one inside the image.
    first = _first_inside(oh, sh, ph, dh)[:, None] * kw + _first_inside(ow, sw, pw, dw)
    code = np.broadcast_to(first.astype(np.int16), (*x.shape[:-2], oh, ow)).copy()
    for i in range(kh):
        for j in range(kw):
            top, left = i * dh, j * dw
            seen = padded[
                ..., top : top + sh * (oh - 1) + 1 : sh, left : left + sw * (ow - 1) + 1 : sw
            ]
            if best is None:
                best = seen.copy()
                continue
            better = seen > best
            if x.dtype.kind == "f":
                better |= seen != seen
            np.maximum(best, seen, out=best)
            # A choice by bits: `where` branches on every element.
            code ^= (code ^ np.int16(i * kw + j)) & -better.view(np.int8)
    taps = np.arange(kh * kw)
    shift = (taps // kw * dh - ph) * width + taps % kw * dw - pw
    corner = (np.arange(oh) * sh * width)[:, None] + np.arange(ow) * sw
    assert best is not None
    return best, shift.take(code) + corner


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
