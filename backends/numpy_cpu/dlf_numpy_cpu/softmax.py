"""Softmax, its logarithm, and their gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dlf_numpy_cpu.lowprec import through_float32
from dlf_numpy_cpu.parallel import over
from dlf_numpy_cpu.quiet import quiet
from dlf_numpy_cpu.reduce import row_max

__all__ = ["kernels"]

Array = npt.NDArray[Any]

_SAFE, _LEAST_SUM = 40.0, 1e-4
_SHORT = 128  # Columns.
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

        def work(part: slice) -> None:
            function(*[m[part] for m in matrices], out[part])

        over(len(out), max(1, _CHUNK // shape[-1]), work, out.size)
        result = out.reshape(shape)
        return (
            result
            if dim in (-1, first.ndim - 1)
            else np.ascontiguousarray(np.moveaxis(result, -1, dim))
        )

    return through_float32(quiet(kernel))


def _softmax(x: Array, out: Array) -> None:
    # Rows need not be shifted by their maximum where their sums stay far from the ends of the
    # range: what then underflows is below any rounding.
    if np.maximum.reduce(x, None) <= _SAFE:
        np.exp(x, out=out)
        sums = _row_sums(out)
        if np.minimum.reduce(sums) >= _LEAST_SUM:
            out /= sums[:, None]
            return
    np.subtract(x, row_max(x)[:, None], out=out)
    np.exp(out, out=out)
    out /= _row_sums(out)[:, None]


def _log_softmax(x: Array, out: Array) -> None:
    np.subtract(x, row_max(x)[:, None], out=out)
    sums = _row_sums(np.exp(out))
    out -= np.log(sums, out=sums)[:, None]


def _softmax_backward(grad: Array, output: Array, out: Array) -> None:
    shift = np.vecdot(grad, output)
    np.subtract(grad, shift[:, None], out=out)
    out *= output


def _log_softmax_backward(grad: Array, output: Array, out: Array) -> None:
    np.exp(output, out=out)
    out *= _row_sums(grad)[:, None]
    np.subtract(grad, out, out=out)


def _row_sums(a: Array) -> Array:
    """(n, m) -> (n,), not by a matrix product, for which BLAS would start threads of its own."""
    if a.shape[1] <= _SHORT:
        return np.asarray(np.einsum("ij->i", a))
    return np.vecdot(a, np.ones(a.shape[1], a.dtype))


def kernels() -> dict[str, Callable[..., Any]]:
    """Kernel by name."""
    return {
        "softmax": _by_rows(_softmax),
        "log_softmax": _by_rows(_log_softmax),
        "softmax_backward": _by_rows(_softmax_backward),
        "log_softmax_backward": _by_rows(_log_softmax_backward),
    }
