"""Geometry of the convolution kernels: pure functions of shapes, as `dlf_cupy_gpu.launch`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from dlf_cupy_gpu.launch import GRID, PACK_BYTES, Launch, ceil_div

from .attention_launch import THREADS, tile

__all__ = ["Sizes", "depth", "is_direct", "products", "shared", "sizes", "splits", "weights"]

Ints = tuple[int, ...]

_FEW = 4
"""Channels of a group up to which a thread takes an element of the result."""


class Sizes(NamedTuple):
    """Sizes of a convolution of one to three dimensions, as of three; channels are a group's."""

    batch: int
    groups: int
    channels: int
    outputs: int
    size: Ints
    out: Ints
    kernel: Ints
    stride: Ints
    padding: Ints
    dilation: Ints

    def flat(self) -> Ints:
        """What all entries take last."""
        return (*self[:4], *(n for triple in self[4:] for n in triple))

    @property
    def volume(self) -> int:
        """Elements of a channel."""
        return math.prod(self.size)

    @property
    def places(self) -> int:
        """Elements of a channel of the result."""
        return math.prod(self.out)

    @property
    def taps(self) -> int:
        """Elements of a kernel."""
        return math.prod(self.kernel)


def _triple(values: Sequence[int], fill: int) -> Ints:
    return (*[fill] * (3 - len(values)), *values)


def sizes(
    shape: Ints, weight: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Sizes:
    """The sizes for an input of `shape` and a weight of shape `weight`."""
    spatial = zip(shape[2:], weight[2:], stride, padding, dilation, strict=True)
    out = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in spatial]
    return Sizes(
        shape[0],
        groups,
        shape[1] // groups,
        weight[0] // groups,
        _triple(shape[2:], 1),
        _triple(out, 1),
        _triple(weight[2:], 1),
        _triple(stride, 1),
        _triple(padding, 0),
        _triple(dilation, 1),
    )


def is_direct(sizes: Sizes) -> bool:
    """Whether the groups have too few channels for a matrix product."""
    return sizes.groups > 1 and max(sizes.channels, sizes.outputs) <= _FEW


def depth(itemsize: int) -> int:
    """``DEPTH`` of ``gemm_tile.cuh``."""
    return 64 if itemsize == 2 else 32


def shared(itemsize: int, by_depth: bool) -> int:
    """Bytes of the two operands' parts; the right one is laid out as the left one if `by_depth`."""
    edge, deep, width = tile(itemsize), depth(itemsize), PACK_BYTES // itemsize
    left = edge * (deep + width)
    return (left + (left if by_depth else deep * (edge + width))) * itemsize


def products(rows: int, columns: int, groups: int, itemsize: int) -> Launch:
    """A block for each tile of ``(rows, columns)`` in every group."""
    edge = tile(itemsize)
    count = ceil_div(rows, edge) * ceil_div(columns, edge) * groups
    return Launch((min(count, GRID),), (THREADS,), shared(itemsize, False))


def splits(sizes: Sizes, itemsize: int, processors: int) -> int:
    """Into how many shares the sum of a weight's gradient is split, so that all have work."""
    edge, step = tile(itemsize), depth(itemsize)
    tiles = ceil_div(sizes.outputs, edge) * ceil_div(sizes.channels * sizes.taps, edge)
    steps = ceil_div(sizes.batch * sizes.places, step)
    # Shorter sums than eight steps would be outweighed by adding them up.
    return max(1, min(4 * processors // max(tiles * sizes.groups, 1), ceil_div(steps, 8)))


def weights(sizes: Sizes, itemsize: int, splits: int) -> Launch:
    """A block for each tile of the weight's gradient, group and share."""
    edge = tile(itemsize)
    tiles = ceil_div(sizes.outputs, edge) * ceil_div(sizes.channels * sizes.taps, edge)
    count = tiles * sizes.groups * splits
    return Launch((min(count, GRID),), (THREADS,), shared(itemsize, True))
