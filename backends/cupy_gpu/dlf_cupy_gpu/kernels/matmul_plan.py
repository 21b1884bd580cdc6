"""Row-major matrix products in the terms of cuBLAS: a pure function of shapes and strides.

cuBLAS reads matrices column by column. The memory of a row-major ``(R, C)`` matrix is that of its
transpose ``(C, R)`` column by column, so ``C = A @ B`` is asked for as ``C.T = B.T @ A.T``: the
right operand is cuBLAS's first.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import NamedTuple

__all__ = ["Product", "is_readable", "plan"]

Ints = tuple[int, ...]

_LARGEST = 2**31 - 1
"""The largest size and leading dimension that the interface takes."""


class Product(NamedTuple):
    """Calls of cublasGemmStridedBatchedEx, all in elements and column by column.

    Each call multiplies `batch` times ``op(first)`` of (m, k) by ``op(second)`` of (k, n); `first`
    is the right operand of the row-major product. A batch's next matrices lie a stride further.

    Attributes:
        offsets: a call each: where first, second and result start.
    """

    transposed_first: bool
    transposed_second: bool
    m: int
    n: int
    k: int
    leading_first: int
    leading_second: int
    leading_result: int
    stride_first: int
    stride_second: int
    stride_result: int
    batch: int
    offsets: tuple[tuple[int, int, int], ...]


class _Dim(NamedTuple):
    """A dimension that is looped over: its size, and the strides of left, right and result."""

    size: int
    left: int
    right: int
    result: int


def _leading(shape: Ints, strides: Ints) -> tuple[bool, int] | None:
    """Whether a matrix lies column by column, and its leading dimension; None if neither way."""
    (rows, columns), (down, along) = shape, strides
    step = down if rows > 1 else max(columns, 1)
    if (along == 1 or columns == 1) and max(columns, 1) <= step <= _LARGEST:
        return False, step
    step = along if columns > 1 else max(rows, 1)
    if (down == 1 or rows == 1) and max(rows, 1) <= step <= _LARGEST:
        return True, step
    return None


def is_readable(shape: Ints, strides: Ints) -> bool:
    """Whether cuBLAS can read the matrices of the last two dimensions where they are."""
    return _leading(shape[-2:], strides[-2:]) is not None and min(strides, default=0) >= 0


def _merged(dims: list[_Dim]) -> list[_Dim]:
    """The same steps with neighbours that all operands pass evenly as one dimension."""
    out: list[_Dim] = []
    for dim in dims:
        last = out[-1] if out else None
        if last and all(o == i * dim.size for o, i in zip(last[1:], dim[1:], strict=True)):
            out[-1] = _Dim(last.size * dim.size, *dim[1:])
        else:
            out.append(dim)
    return out


def _batch_dims(lead: Ints, result: int, *operands: tuple[Ints, Ints]) -> list[_Dim]:
    steps = []
    for shape, strides in operands:
        missing = len(lead) - (len(shape) - 2)
        known = [0 if n == 1 else s for n, s in zip(shape[:-2], strides[:-2], strict=True)]
        steps.append([0] * missing + known)
    left, right = steps
    after = [result * math.prod(lead[i + 1 :]) for i in range(len(lead))]
    return [_Dim(*d) for d in zip(lead, left, right, after, strict=True) if d[0] != 1]


@functools.lru_cache(maxsize=4096)
def plan(left: Ints, left_strides: Ints, right: Ints, right_strides: Ints, lead: Ints) -> Product:
    """The product of ``(..., M, K)`` by ``(..., K, N)`` into a contiguous ``(*lead, M, N)``.

    Args:
        left, right: shapes of the operands, both `is_readable`.
        left_strides, right_strides: in elements.
        lead: what the leading dimensions broadcast to; no size is 0.
    """
    (rows, depth), columns = left[-2:], right[-1]
    by_column, leading_left = _leading(left[-2:], left_strides[-2:]) or (False, 0)
    right_by_column, leading_right = _leading(right[-2:], right_strides[-2:]) or (False, 0)
    assert leading_left and leading_right, "the operands cannot be read where they are"
    dims = _batch_dims(lead, rows * columns, (left, left_strides), (right, right_strides))
    dims = _merged(dims)
    last = dims[-1] if dims else None
    # Rows that follow each other through the whole batch are those of one larger product.
    if last and not last.right and not by_column and last.size * rows <= _LARGEST:
        if rows == 1 and max(depth, 1) <= last.left <= _LARGEST:
            rows, leading_left = last.size, last.left
            dims.pop()
        elif last.left == rows * leading_left:
            rows *= last.size
            dims.pop()
    together = max(dims, key=lambda d: d.size if d.size <= _LARGEST else 0, default=None)
    if together is not None:
        dims.remove(together)
    places = itertools.product(*(range(d.size) for d in dims))
    offsets = tuple(
        (
            sum(i * d.right for i, d in zip(place, dims, strict=True)),
            sum(i * d.left for i, d in zip(place, dims, strict=True)),
            sum(i * d.result for i, d in zip(place, dims, strict=True)),
        )
        for place in places
    )
    size, step_left, step_right, step_result = together or (1, 0, 0, 0)
    return Product(
        right_by_column,
        by_column,
        columns,
        rows,
        depth,
        leading_right,
        leading_left,
        columns,
        step_right,
        step_left,
        step_result,
        size,
        offsets,
    )
