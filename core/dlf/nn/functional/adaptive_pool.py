"""Pooling to a size that is given, whatever the input's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dlf
from dlf.amp.listed import listed

from ._check import Ints
from .pool import IntOr

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
]


def _adaptive_size(
    name: str, input: Tensor, output_size: int | Sequence[int | None] | None, n: int
) -> Ints:
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"{name}: Expected {n + 1}D or {n + 2}D tensor, but got {list(input.shape)}"
        )
    wanted: Sequence[int | None]
    wanted = (
        [output_size] * n if output_size is None or isinstance(output_size, int) else output_size
    )
    if len(wanted) != n:
        raise RuntimeError(f"{name}: output_size must be {n} ints, got {list(wanted)}")
    sizes = tuple(
        have if want is None else int(want)
        for have, want in zip(input.shape[-n:], wanted, strict=True)
    )
    if min(sizes) < 0:
        raise RuntimeError(f"{name}: elements of output_size must be >= 0, got {list(sizes)}")
    return sizes


def _bounds(size: int, out: int) -> list[tuple[int, int]]:
    """First and one past the last element of each adaptive window."""
    return [(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]


def _adaptive_avg_pool(n: int, input: Tensor, output_size: Any) -> Tensor:
    """A product with a matrix of shares along each dimension."""
    sizes = _adaptive_size(f"adaptive_avg_pool{n}d", input, output_size, n)
    if sizes == (1,) * n:
        return input.mean(tuple(range(-n, 0)), keepdim=True)
    for dim, out in enumerate(sizes, input.ndim - n):
        size = input.shape[dim]
        if size == out:
            continue
        if out and size % out == 0:
            parts = (*input.shape[:dim], out, size // out, *input.shape[dim + 1 :])
            input = input.reshape(parts).mean(dim + 1)
            continue
        rows = [
            [1 / (hi - lo) if lo <= j < hi else 0.0 for j in range(size)]
            for lo, hi in _bounds(size, out)
        ]
        shares = dlf.tensor(rows, dtype=input.dtype, device=input.device).reshape(out, size)
        input = (input.movedim(dim, -1) @ shares.mT).movedim(-1, dim)
    return input


def adaptive_avg_pool1d(input: Tensor, output_size: IntOr) -> Tensor:
    """Mean of `output_size` windows that cover ``(N, C, L)`` or ``(C, L)``."""
    return _adaptive_avg_pool(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: int | Sequence[int | None] | None) -> Tensor:
    """Mean of `output_size` windows that cover ``(N, C, H, W)``; None keeps a dimension."""
    return _adaptive_avg_pool(2, input, output_size)


@listed
def adaptive_avg_pool3d(input: Tensor, output_size: int | Sequence[int | None] | None) -> Tensor:
    """Mean of windows that cover ``(N, C, D, H, W)``; see `adaptive_avg_pool2d`."""
    return _adaptive_avg_pool(3, input, output_size)


def _adaptive_max_pool(n: int, input: Tensor, output_size: Any) -> tuple[Tensor, Tensor]:
    """Every window gathered, short ones with their last element repeated, then the maximum."""
    sizes = _adaptive_size(f"adaptive_max_pool{n}d", input, output_size, n)
    lead = input.ndim - n
    windows, places = input, None
    for i, out in enumerate(sizes):
        size = input.shape[lead + i]
        bounds = _bounds(size, out)
        longest = max((hi - lo for lo, hi in bounds), default=1)
        index = dlf.tensor(
            [[min(lo + j, hi - 1) for j in range(longest)] for lo, hi in bounds],
            dtype=dlf.int64,
            device=input.device,
        ).reshape(out, longest)
        at = lead + 2 * i
        shape = (*windows.shape[:at], out, longest, *windows.shape[at + 1 :])
        windows = windows.index_select(at, index.reshape(-1)).reshape(shape)
        spread = index.reshape(
            *(s for j in range(n) for s in ((out, longest) if j == i else (1, 1)))
        )
        places = spread if places is None else places * size + spread
    assert places is not None
    order = (*range(lead), *range(lead, lead + 2 * n, 2), *range(lead + 1, lead + 2 * n, 2))
    flat = windows.permute(order).reshape(*input.shape[:lead], *sizes, -1)
    values, which = flat.max(-1)
    inner = (*range(0, 2 * n, 2), *range(1, 2 * n, 2))
    full = places.expand(*windows.shape[lead:]).permute(inner).reshape(*sizes, -1)
    indices = full.expand(flat.shape).gather(-1, which.unsqueeze(-1)).squeeze(-1)
    return values, indices


def adaptive_max_pool1d(input: Tensor, output_size: IntOr, return_indices: bool = False) -> Any:
    """Maximum of `output_size` windows that cover ``(N, C, L)`` or ``(C, L)``."""
    both = _adaptive_max_pool(1, input, output_size)
    return both if return_indices else both[0]


def adaptive_max_pool2d(
    input: Tensor,
    output_size: int | Sequence[int | None] | None,
    return_indices: bool = False,
) -> Any:
    """Maximum of windows that cover ``(N, C, H, W)``: `output_size` of them, None keeps a
    dimension.
    """
    both = _adaptive_max_pool(2, input, output_size)
    return both if return_indices else both[0]


def adaptive_max_pool3d(
    input: Tensor,
    output_size: int | Sequence[int | None] | None,
    return_indices: bool = False,
) -> Any:
    """Maximum of windows that cover ``(N, C, D, H, W)``; see `adaptive_max_pool2d`."""
    both = _adaptive_max_pool(3, input, output_size)
    return both if return_indices else both[0]
