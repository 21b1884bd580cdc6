"""What launchers share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from dlf_cupy_gpu.launch import PACK_BYTES
from dlf_cupy_gpu.module import FLOATING, Modules

__all__ = ["Array", "Kernel", "accumulator", "contiguous", "kind", "or_shared", "split", "wide"]

Array = Any
Kernel = Callable[..., Any]


_KINDS: dict[Any, str] = {}


def kind(array: Array) -> str:
    """The name of the array's dtype, for `Modules.function`.

    TypeError for a dtype that the sources are not compiled for.
    """
    # NumPy puts a dtype's name together anew each time, which takes longer than a launch.
    dtype = array.dtype
    found = _KINDS.get(dtype)
    if found is None:
        if dtype.name not in FLOATING:
            known = ", ".join(sorted(FLOATING))
            raise TypeError(f"this CUDA kernel computes in {known}, got {dtype.name}")
        found = _KINDS[dtype] = dtype.name
    return found


def or_shared(modules: Modules, name: str, kernel: Kernel) -> Kernel:
    """`kernel`, and for dtypes that the sources are not compiled for the shared one of `name`."""

    def chosen(input: Array, *rest: Any) -> Array:
        if input.dtype in _KINDS or input.dtype.name in FLOATING:
            return kernel(input, *rest)
        return modules.primitives[name](input, *rest)

    return chosen


def accumulator(dtype: Any) -> np.dtype[Any]:
    """The dtype that the kernels compute in: `acc_t` of the sources."""
    return np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)


def contiguous(modules: Modules, array: Array) -> Array:
    """`array` itself, or a copy of it in row-major order."""
    return array if array.flags.c_contiguous else modules.xp.ascontiguousarray(array)


def split(shape: tuple[int, ...], dim: int) -> tuple[int, int, int]:
    """Elements before, along and after `dim`; a shape without dimensions is one of size 1."""
    if not shape:
        return 1, 1, 1
    dim %= len(shape)
    return math.prod(shape[:dim]), shape[dim], math.prod(shape[dim + 1 :])


def wide(modules: Modules, arrays: tuple[Array, ...], *lengths: int) -> int:
    """How many elements are moved at once: as many as 16 bytes hold, or 1.

    `arrays` are of one dtype; None among them is skipped. Their rows have `lengths` elements.
    """
    # Called for every launch: loops, since generators take several times as long.
    itemsize: int = arrays[0].itemsize
    for n in lengths:
        if n * itemsize % PACK_BYTES:
            return 1
    for a in arrays:
        if a is not None and modules.address(a) % PACK_BYTES:
            return 1
    return PACK_BYTES // itemsize
