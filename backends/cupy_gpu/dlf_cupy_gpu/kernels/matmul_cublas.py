"""cuBLAS through CuPy's thin wrapper, for all floating-point and complex dtypes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from dlf_cupy_gpu import capture
from dlf_cupy_gpu.deterministic import matmul_precision

from .common import Array
from .matmul_captured import CapturedCublas
from .matmul_plan import Product

__all__ = ["CublasMultiply", "Multiply", "name_if_known"]

# Numbers of cudaDataType_t and cublasComputeType_t.
_DATA: Mapping[str, int] = {
    "float32": 0,
    "float64": 1,
    "float16": 2,
    "complex64": 4,
    "complex128": 5,
    "bfloat16": 14,
}
_SIZES: Mapping[str, int] = {
    "float32": 4,
    "float64": 8,
    "float16": 2,
    "complex64": 8,
    "complex128": 16,
    "bfloat16": 2,
}
"""Bytes of an element."""

_COMPUTE_32F, _COMPUTE_64F, _COMPUTE_32F_FAST_TF32 = 68, 70, 77
_ALGORITHM = -1
"""Whichever cuBLAS finds best."""

_COMPUTE_DTYPES: Mapping[str, Any] = {
    "float64": np.float64,
    "complex64": np.complex64,
    "complex128": np.complex128,
}


@functools.cache
def name_if_known(dtype: Any) -> str | None:
    """The name of a dtype that cuBLAS multiplies, else None."""
    # NumPy puts a dtype's name together anew each time it is asked.
    return dtype.name if dtype.name in _DATA else None


class Multiply(Protocol):
    """Runs a `Product` over memory that starts where the three arrays do."""

    def __call__(
        self, product: Product, first: Array, second: Array, result: Array, accumulate: bool
    ) -> None:
        """Write the product to `result`, or add it there where `accumulate`."""
        ...


def _factors(dtype: Any) -> tuple[tuple[Any, Any], tuple[int, int]]:
    """1 and 0 on the host, and their addresses; the arrays have to be kept."""
    one, zero = np.ones((), dtype), np.zeros((), dtype)
    return (one, zero), (one.ctypes.data, zero.ctypes.data)


class CublasMultiply:
    """`Multiply` through ``cublasGemmEx`` and ``cublasGemmStridedBatchedEx``.

    The latter is called for every dtype and every batch: CuPy's own batched product of bfloat16
    ends the process.

    Args:
        cupy: the module `cupy`.
        precision: how float32 is multiplied, a value of `torch.set_float32_matmul_precision`.
    """

    def __init__(self, cupy: Any, precision: Callable[[], str] = matmul_precision) -> None:
        self._cupy, self._cublas = cupy, cupy.cuda.cublas
        self._captured: WeakKeyDictionary[Any, CapturedCublas] = WeakKeyDictionary()
        self._handle = cupy.cuda.device.get_cublas_handle
        self._precision = precision
        self._factors = {name: _factors(_COMPUTE_DTYPES.get(name, np.float32)) for name in _DATA}

    def compute_type(self, dtype: str) -> int:
        """The number of cuBLAS's compute type for `dtype`."""
        if dtype in ("float64", "complex128"):
            return _COMPUTE_64F
        if dtype in ("float32", "complex64") and self._precision() != "highest":
            return _COMPUTE_32F_FAST_TF32
        return _COMPUTE_32F

    def _in(self, recorder: Any) -> CapturedCublas:
        found = self._captured.get(recorder)
        if found is None:
            found = self._captured[recorder] = CapturedCublas(self._cupy)
        return found

    def __call__(
        self, product: Product, first: Array, second: Array, result: Array, accumulate: bool
    ) -> None:
        """See `Multiply`; on the current stream."""
        # Called for every product: this is part of what an op costs.
        dtype = name_if_known(first.dtype)
        assert dtype is not None
        data, compute = _DATA[dtype], self.compute_type(dtype)
        one, beta = self._factors[dtype][1]
        if accumulate:
            beta = one
        recorder = capture.active()
        cublas = self._cublas if recorder is None else self._in(recorder)
        handle = self._handle()
        start_first, start_second, start_result = first.data.ptr, second.data.ptr, result.data.ptr
        # fmt: off
        (
            turned_first, turned_second, m, n, k, ld_first, ld_second, ld_result,
            step_first, step_second, step_result, batch, offsets,
        ) = product
        # fmt: on
        size = _SIZES[dtype]
        for at_first, at_second, at_result in offsets:
            a, b = start_first + size * at_first, start_second + size * at_second
            c = start_result + size * at_result
            # fmt: off
            if batch == 1:
                cublas.gemmEx(
                    handle, turned_first, turned_second, m, n, k, one, a, data, ld_first,
                    b, data, ld_second, beta, c, data, ld_result, compute, _ALGORITHM,
                )
            else:
                cublas.gemmStridedBatchedEx(
                    handle, turned_first, turned_second, m, n, k, one, a, data, ld_first,
                    step_first, b, data, ld_second, step_second, beta, c, data, ld_result,
                    step_result, batch, compute, _ALGORITHM,
                )
            # fmt: on
