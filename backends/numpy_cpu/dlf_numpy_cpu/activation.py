"""Activations that take several passes, done piece by piece in the cache."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dlf.xp import special
from dlf_numpy_cpu.erf import SQUARE_SCALE, erf32, normal_squashed
from dlf_numpy_cpu.lowprec import through_float32
from dlf_numpy_cpu.parallel import over
from dlf_numpy_cpu.quiet import quiet

__all__ = ["kernels"]

Array = npt.NDArray[Any]

_CHUNK = 1 << 16  # Elements; the passes over a piece stay in the second-level cache.
_TANH_SCALE = math.sqrt(2 / math.pi)
_TANH_CUBIC = 0.044715
_erf64 = special.kernels(np)["erf"]


def _piecewise(arrays: int, function: Callable[..., None]) -> Callable[..., Array]:
    """A kernel from `function(*pieces, out, *attributes)` over flat pieces of the arrays."""

    def kernel(*args: Any) -> Array:
        inputs, attributes = args[:arrays], args[arrays:]
        first = inputs[0]
        shape = first.shape
        alike = all(a.shape == shape for a in inputs)
        if alike and first.size <= _CHUNK:
            small = np.empty(shape, first.dtype)
            function(*inputs, small, *attributes)
            return small
        if not alike:
            inputs = np.broadcast_arrays(*inputs)
            shape = inputs[0].shape
        flat = [np.ascontiguousarray(a).reshape(-1) for a in inputs]
        out = np.empty(flat[0].size, first.dtype)

        def work(part: slice) -> None:
            function(*[a[part] for a in flat], out[part], *attributes)

        over(out.size, _CHUNK, work, out.size)
        return out.reshape(shape)

    return through_float32(quiet(kernel))


def _sigmoid(x: Array, out: Array) -> None:
    np.negative(x, out=out)
    np.exp(out, out=out)
    out += 1
    np.reciprocal(out, out=out)


def _sigmoid_backward(grad: Array, output: Array, out: Array) -> None:
    np.subtract(1, output, out=out)
    out *= output
    out *= grad


def _silu(x: Array, out: Array) -> None:
    np.negative(x, out=out)
    np.exp(out, out=out)
    out += 1
    np.divide(x, out, out=out)


def _tanh_inner(x: Array, out: Array) -> None:
    np.multiply(x, x, out=out)
    out *= _TANH_SCALE * _TANH_CUBIC
    out += _TANH_SCALE
    out *= x
    np.tanh(out, out=out)


def _erf(x: Array, out: Array) -> None:
    if x.dtype == np.float32:
        erf32(x, out)
    else:
        out[...] = _erf64(x)


def _normal(x: Array, square: Array, out: Array) -> None:
    """``erf(x / sqrt(2))``, and ``SQUARE_SCALE * x * x``."""
    if x.dtype == np.float32:
        normal_squashed(x, square, out)
    else:
        np.multiply(x, x, out=square)
        square *= SQUARE_SCALE
        out[...] = _erf64(x * math.sqrt(0.5))


def _gelu(x: Array, out: Array, approximate: str) -> None:
    if approximate == "tanh":
        _tanh_inner(x, out)
    else:
        _normal(x, np.empty_like(x), out)
    out += 1
    out *= x
    out *= 0.5


def _gelu_backward(grad: Array, x: Array, out: Array, approximate: str) -> None:
    if approximate == "tanh":
        squashed = np.empty_like(x)
        _tanh_inner(x, squashed)
        np.multiply(x, x, out=out)
        out *= 3 * _TANH_SCALE * _TANH_CUBIC
        out += _TANH_SCALE
        out *= x
        out *= 1 - squashed * squashed
        out += squashed
    else:
        density = np.empty_like(x)
        _normal(x, density, out)
        density *= -0.5 / SQUARE_SCALE
        np.exp(density, out=density)
        density *= x
        density *= _TANH_SCALE
        out += density
    out += 1
    out *= 0.5
    out *= grad


def _threshold_backward(grad: Array, x: Array, out: Array, threshold: float) -> None:
    # Bits are masked: a product would keep NaN and infinity of a gradient that is shut off.
    kept = np.less_equal(x, threshold).view(np.int8) - np.int8(1)
    bits = np.dtype(f"i{x.dtype.itemsize}")
    np.bitwise_and(grad.view(bits), kept, out=out.view(bits))


def kernels() -> dict[str, Callable[..., Any]]:
    """Kernel by name."""
    return {
        "sigmoid": _piecewise(1, _sigmoid),
        "sigmoid_backward": _piecewise(2, _sigmoid_backward),
        "silu": _piecewise(1, _silu),
        "erf": _piecewise(1, _erf),
        "gelu": _piecewise(1, _gelu),
        "gelu_backward": _piecewise(2, _gelu_backward),
        "threshold_backward": _threshold(),
    }


def _threshold() -> Callable[..., Array]:
    real = _piecewise(2, _threshold_backward)

    def kernel(grad: Array, x: Array, threshold: float) -> Array:
        if x.dtype.kind == "f" and x.dtype.itemsize > 2:
            return real(grad, x, threshold)
        return np.asarray(np.where(x <= threshold, np.zeros((), grad.dtype), grad))

    return kernel
