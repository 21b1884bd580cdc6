"""Softmax, its logarithm, and their gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dlf_numpy_cpu.lowprec import through_float32
from dlf_numpy_cpu.quiet import quiet
from dlf_numpy_cpu.reduce import row_max, row_sums

__all__ = ["kernels"]

Array = npt.NDArray[Any]

_CHUNK = 1 << 16  # Elements; some passes over a piece of this size stay in the second-level cache.


def _by_rows(function: Callable[..., None]) -> Callable[..., Array]:
    """A kernel `(*arrays, dim)` from `function(*matrices, out)`, a few rows at a time."""

    def kernel(*args: Any) -> Array:
        *arrays, dim = args
        first = arrays[0]
        if first.ndim == 0:
            return kernel(*(a.reshape(1) for a in arrays), 0).reshape(())
        if first.size == 0:
            return first.copy()  # type: ignore[no-any-return]
        if dim not in (-1, first.ndim - 1):
            arrays = [np.moveaxis(a, dim, -1) for a in arrays]
        shape = arrays[0].shape
        matrices = [np.ascontiguousarray(a).reshape(-1, shape[-1]) for a in arrays]
        out = np.empty(matrices[0].shape, first.dtype)
        rows = max(1, _CHUNK // shape[-1])
        for start in range(0, len(out), rows):
            function(*(m[start : start + rows] for m in matrices), out[start : start + rows])
        result = out.reshape(shape)
        return (
            result
            if dim in (-1, first.ndim - 1)
            else np.ascontiguousarray(np.moveaxis(result, -1, dim))
        )

    return through_float32(quiet(kernel))


def _softmax(x: Array, out: Array) -> None:
    np.subtract(x, row_max(x)[:, None], out=out)
    np.exp(out, out=out)
    out /= row_sums(out)[:, None]


def _log_softmax(x: Array, out: Array) -> None:
    np.subtract(x, row_max(x)[:, None], out=out)
    out -= np.log(row_sums(np.exp(out)))[:, None]


def _softmax_backward(grad: Array, output: Array, out: Array) -> None:
    np.multiply(grad, output, out=out)
    out -= output * row_sums(out)[:, None]


def _log_softmax_backward(grad: Array, output: Array, out: Array) -> None:
    np.exp(output, out=out)
    out *= row_sums(grad)[:, None]
    np.subtract(grad, out, out=out)


def kernels() -> dict[str, Callable[..., Any]]:
    """Kernel by name."""
    return {
        "softmax": _by_rows(_softmax),
        "log_softmax": _by_rows(_log_softmax),
        "softmax_backward": _by_rows(_softmax_backward),
        "log_softmax_backward": _by_rows(_log_softmax_backward),
    }
