"""Parts of a tensor by position: narrow, select, flip, windows and padding."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Sequence
from typing import Any

from ..tensor import Tensor
from .copying import clone
from .movement import dim_of, sizes_of
from .views import pad_op, reshape_op, slice_op


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """The `length` entries from `start` along `dim`."""
    shape = input._data.shape
    d = dim_of(dim, len(shape))
    n = shape[d]
    start = int(start)
    if start < 0:
        start += n
    if length < 0 or not 0 <= start <= n or start + length > n:
        raise RuntimeError(
            f"narrow: start ({start}) + length ({length}) exceeds dimension size ({n})"
        )
    return slice_along(input, d, start, 1, length)


def slice_along(input: Tensor, d: int, start: int, step: int, size: int) -> Tensor:
    shape = input._data.shape
    starts, steps, sizes = [0] * len(shape), [1] * len(shape), list(shape)
    starts[d], steps[d], sizes[d] = start, step, size
    return slice_op(input, tuple(starts), tuple(steps), tuple(sizes))


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """Entry `index` along `dim`, without that dimension."""
    shape = input._data.shape
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    d = dim_of(dim, len(shape))
    n = shape[d]
    i = operator.index(index)
    if not -n <= i < n:
        raise IndexError(
            f"select(): index {i} out of range for tensor of size {list(shape)} at dimension {d}"
        )
    part = slice_along(input, d, i % n, 1, 1)
    return reshape_op(part, (*shape[:d], *shape[d + 1 :]))


def flip(input: Tensor, *dims: Any) -> Tensor:
    """A copy with the order along `dims` reversed."""
    shape = input._data.shape
    found = [dim_of(d, len(shape)) for d in sizes_of(dims)]
    which = set(found)
    if len(which) != len(found):
        raise RuntimeError(f"flip: a dimension appears more than once in {list(dims)}")
    starts = tuple(builtins.max(n - 1, 0) if i in which else 0 for i, n in enumerate(shape))
    steps = tuple(-1 if i in which else 1 for i in range(len(shape)))
    return clone(slice_op(input, starts, steps, tuple(shape)))


def fliplr(input: Tensor) -> Tensor:
    """Reversed along dimension 1."""
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """Reversed along dimension 0."""
    return flip(input, 0)


def constant_pad(input: Tensor, widths: Sequence[tuple[int, int]], value: Any = 0) -> Tensor:
    """`input` with (low, high) entries of `value` added to each dimension; negative widths crop."""
    if any(lo < 0 or hi < 0 for lo, hi in widths):
        shape = input._data.shape
        starts = tuple(builtins.max(-lo, 0) for lo, _ in widths)
        sizes = tuple(
            n - s - builtins.max(-hi, 0)
            for n, s, (_, hi) in zip(shape, starts, widths, strict=True)
        )
        input = slice_op(input, starts, (1,) * len(shape), sizes)
        widths = [(builtins.max(lo, 0), builtins.max(hi, 0)) for lo, hi in widths]
    return pad_op(input, tuple((int(a), int(b)) for a, b in widths), value)
