"""Padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dlf
from dlf.ops.slicing import constant_pad

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = ["pad"]


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Pad the last dimensions: ``pad`` is low and high of the last, then of the one before, ...

    `mode` is ``"constant"`` (with `value`, default 0; negative amounts crop), ``"reflect"``,
    ``"replicate"`` or ``"circular"``; these three pad all but the first two dimensions of a batched
    or all but the first of an unbatched input. RuntimeError if the amounts do not fit.
    """
    amounts = [int(a) for a in pad]
    if len(amounts) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    count = len(amounts) // 2
    if count > input.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(amounts)} and input of dimension {input.ndim}"
        )
    pairs = tuple((amounts[2 * i], amounts[2 * i + 1]) for i in reversed(range(count)))
    if mode == "constant":
        _check_sizes(input, pairs)
        widths = ((0, 0),) * (input.ndim - count) + pairs
        return constant_pad(input, widths, 0 if value is None else value)
    if value is not None and value != 0:
        raise ValueError(f"Padding mode '{mode}' doesn't take in value argument")
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if not count or input.ndim not in (count + 1, count + 2) or count > 3:
        raise NotImplementedError(
            "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now; got "
            f"padding of length {len(amounts)} for an input of {input.ndim} dimensions"
        )
    _check_sizes(input, pairs)
    for dim, (lo, hi) in enumerate(pairs, input.ndim - count):
        if lo or hi:
            index = _source(mode, input.shape[dim], lo, hi, dim)
            input = input.index_select(dim, dlf.tensor(index, device=input.device))
    return input


def _check_sizes(input: Tensor, pairs: tuple[tuple[int, int], ...]) -> None:
    for dim, (lo, hi) in enumerate(pairs, input.ndim - len(pairs)):
        if input.shape[dim] + lo + hi < 0:
            raise RuntimeError(
                f"The input size {input.shape[dim]}, plus negative padding {lo} and {hi}, resulted "
                f"in a negative output size, which is invalid. Check dimension {dim} of your input."
            )


def _source(mode: str, size: int, lo: int, hi: int, dim: int) -> list[int]:
    """Where every element of a padded dimension comes from."""
    places = range(-lo, size + hi)
    if mode == "replicate":
        if size == 0:
            raise RuntimeError(f"pad: cannot replicate dimension {dim}, which is empty")
        return [min(max(i, 0), size - 1) for i in places]
    if mode == "circular":
        if lo > size or hi > size:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        return [i % size for i in places]
    if lo >= size or hi >= size:
        raise RuntimeError(
            "Padding size should be less than the corresponding input dimension, but got: padding "
            f"({lo}, {hi}) at dimension {dim} of size {size}"
        )
    last = size - 1
    return [last - abs(last - abs(i)) for i in places]
