"""Parts of a tensor along a dimension, as views."""

from __future__ import annotations

import builtins
import itertools
from typing import Any

from ..tensor import Tensor
from .movement import dim_of
from .pieces import split_along
from .slicing import slice_along


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The entries along `dim`, as views."""
    if not input._data.shape:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    d = dim_of(dim, input.ndim)
    return split_along(input, d, (1,) * input._data.shape[d], "unbind", keepdim=False)


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of chunks along `dim`: of one size (the last may be smaller) or of the sizes given."""
    d = dim_of(dim, tensor.ndim)
    n = tensor._data.shape[d]
    if isinstance(split_size_or_sections, int):
        step = split_size_or_sections
        if step < 0 or (step == 0 and n):
            raise RuntimeError(f"split expects split_size be positive, but got split_size={step}")
        sizes = [builtins.min(step, n - i) for i in range(0, n, step)] if n else [0]
    else:
        sizes = list(split_size_or_sections)
        if sum(sizes) != n or any(s < 0 for s in sizes):
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size "
                f"at dimension {d}), but got "
                f"split_sizes={sizes}"
            )
    return split_along(tensor, d, sizes)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` views of equal size along `dim`, the last smaller if need be."""
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input._data.shape[dim_of(dim, input.ndim)]
    return split(input, builtins.max(1, -(-n // chunks)), dim)


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views along `dim`, split before the given indices or into that many nearly equal parts."""
    d = dim_of(dim, input.ndim)
    n = input._data.shape[d]
    if isinstance(indices_or_sections, int):
        k = indices_or_sections
        sizes = [n // k + (1 if i < n % k else 0) for i in range(k)]
    else:
        marks = [
            0,
            *[
                builtins.min(builtins.max(i if i >= 0 else i + n, 0), n)
                for i in indices_or_sections
            ],
            n,
        ]
        if sorted(marks) != marks:  # Pieces that overlap.
            return tuple(
                slice_along(input, d, a, 1, builtins.max(0, b - a))
                for a, b in itertools.pairwise(marks)
            )
        sizes = [b - a for a, b in itertools.pairwise(marks)]
    return split_along(input, d, sizes)
