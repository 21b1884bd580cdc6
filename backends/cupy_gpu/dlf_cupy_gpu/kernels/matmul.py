"""Matrix products through cuBLAS, and `linear` with its bias in the same call."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from dlf_cupy_gpu.module import Modules

from . import matmul_epilogue
from .common import Array, Kernel
from .elementwise import repeat_row
from .matmul_cublas import CublasMultiply, Multiply, name_if_known
from .matmul_plan import Product, is_readable, plan

__all__ = ["LOOPS", "kernels"]

Ints = tuple[int, ...]

LOOPS = 16
"""How many calls a batch may take whose strides are not even; a longer one is copied instead."""


class _Prepared(NamedTuple):
    """What is known of a product from shapes and strides.

    Attributes:
        shape: the result's.
        empty: whether the result has no elements or only sums of nothing.
        copied: whether left and right have to be copied first.
        broadcast: whether they have to be broadcast before, too many calls being needed otherwise.
        product: what is asked of cuBLAS.
    """

    shape: Ints
    empty: bool
    copied: tuple[bool, bool]
    broadcast: bool
    product: Product | None


def _dense(shape: Ints) -> Ints:
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


@functools.lru_cache(maxsize=4096)
def _prepared(
    left: Ints, left_strides: Ints, right: Ints, right_strides: Ints, itemsize: int
) -> _Prepared:
    """See `_Prepared`; strides are in bytes."""
    lead = tuple(np.broadcast_shapes(left[:-2], right[:-2]))
    shape = (*lead, left[-2], right[-1])
    if 0 in shape or not left[-1]:
        return _Prepared(shape, True, (False, False), False, None)
    steps, copied = [], []
    for own, strides in ((left, left_strides), (right, right_strides)):
        found = tuple(s // itemsize for s in strides)
        copied.append(not is_readable(own, found))
        steps.append(_dense(own) if copied[-1] else found)
    product = plan(left, steps[0], right, steps[1], lead)
    if len(product.offsets) <= LOOPS:
        return _Prepared(shape, False, (copied[0], copied[1]), False, product)
    left, right = ((*lead, *own[-2:]) for own in (left, right))
    product = plan(left, _dense(left), right, _dense(right), lead)
    return _Prepared(shape, False, (True, True), True, product)


class _Products:
    """The kernels, with what they run on."""

    def __init__(
        self, modules: Modules, multiply: Multiply, linear: matmul_epilogue.Linear | None
    ) -> None:
        self.modules, self.xp, self.multiply = modules, modules.xp, multiply
        self.fused = linear

    def into(
        self, known: _Prepared, result: Array, left: Array, right: Array, accumulate: bool
    ) -> None:
        """Write or add the product of two arrays of two dimensions or more to `result`."""
        xp, lead = self.xp, known.shape[:-2]
        if known.broadcast:
            left, right = (xp.broadcast_to(a, (*lead, *a.shape[-2:])) for a in (left, right))
        if known.copied[0]:
            left = xp.ascontiguousarray(left)
        if known.copied[1]:
            right = xp.ascontiguousarray(right)
        assert known.product is not None
        self.multiply(known.product, right, left, result, accumulate)

    def matmul(self, input: Array, other: Array) -> Array:
        """See the kernel contract."""
        if name_if_known(input.dtype) is None:
            return self.modules.primitives["matmul"](input, other)
        known = _prepared(input.shape, input.strides, other.shape, other.strides, input.itemsize)
        if known.empty:
            return self.xp.zeros(known.shape, input.dtype)
        result = self.xp.empty(known.shape, input.dtype)
        self.into(known, result, input, other, False)
        return result

    def linear(self, input: Array, weight: Array, bias: Array | None) -> Array:
        """See the kernel contract."""
        rows = input if input.ndim > 1 else input.reshape(1, -1)
        shape = (*input.shape[:-1], weight.shape[0])
        result: Any
        if bias is None:
            result = self.matmul(rows, weight.T)
        elif name_if_known(input.dtype) is None:
            primitives = self.modules.primitives
            result = primitives["add"](primitives["matmul"](rows, weight.T), bias)
        else:
            result = self._with_bias(rows, weight, bias)
        return result.reshape(shape)

    def _with_bias(self, rows: Array, weight: Array, bias: Array) -> Array:
        if self.fused is not None and rows.size and weight.size:
            found = self.fused(rows, weight, bias)
            if found is not None:
                return found
        turned = weight.T
        known = _prepared(rows.shape, rows.strides, turned.shape, turned.strides, rows.itemsize)
        result = self.xp.empty(known.shape, rows.dtype)
        # The product is added to the bias before it is rounded.
        if rows.dtype.kind == "c" or bias.ndim != 1:
            result[...] = bias
        else:
            repeat_row(self.modules, bias, result)
        if not known.empty:
            self.into(known, result, rows, turned, True)
        return result


def kernels(modules: Modules, multiply: Multiply | None = None) -> dict[str, Kernel]:
    """Kernel by op name.

    Args:
        modules: what the arrays come from.
        multiply: what multiplies. Default: cuBLAS through `modules.xp`, and nvmath-python's fused
            bias where it is installed; no kernels where `modules.xp` has no cuBLAS.
    """
    linear = None
    if multiply is None:
        if not hasattr(getattr(modules.xp, "cuda", None), "cublas"):
            return {}
        multiply, linear = CublasMultiply(modules.xp), matmul_epilogue.find()
    products = _Products(modules, multiply, linear)
    return {"matmul": products.matmul, "linear": products.linear}
