"""Matrix products."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dlf.xp.common import is_low
from dlf_numpy_cpu.lowprec import through_float32
from dlf_numpy_cpu.quiet import SILENCE, quiet

__all__ = ["kernels"]

Array = npt.NDArray[Any]


def _product(a: Array, b: Array) -> Any:
    if a.ndim > 2 and b.ndim == 2 and a.flags.c_contiguous:
        # NumPy would call BLAS once for every matrix of the batch.
        rows = math.prod(a.shape[:-1])
        return np.matmul(a.reshape(rows, a.shape[-1]), b).reshape(*a.shape[:-1], b.shape[-1])
    return np.matmul(a, b)


def _matmul() -> Callable[..., Array]:
    silence, calm, product, low = (
        SILENCE,
        quiet(np.matmul),
        np.matmul,
        through_float32(quiet(_product)),
    )

    def kernel(a: Array, b: Array) -> Array:
        if a.ndim != 2 or is_low(a):
            return low(a, b)  # type: ignore[no-any-return]
        try:
            return silence.run(product, a, b)
        except RuntimeError:
            return calm(a, b)  # type: ignore[no-any-return]

    return kernel


def _linear(x: Array, weight: Array, bias: Array | None) -> Array:
    out = _product(x, weight.T) if x.ndim > 1 else np.asarray(np.matmul(weight, x))
    if bias is not None:
        out += bias
    return out


def kernels() -> dict[str, Callable[..., Any]]:
    """Kernel by name."""
    return {"matmul": _matmul(), "linear": through_float32(quiet(_linear))}
