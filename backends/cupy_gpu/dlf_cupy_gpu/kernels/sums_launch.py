"""How the summands of `kernels.sums` are shared out: pure functions of shapes."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Collection
from typing import NamedTuple

from dlf_cupy_gpu import launch

__all__ = ["Parted", "Pattern", "by_columns", "by_rows", "pattern"]

_BLOCKS = 4
"""Blocks that each multiprocessor should have."""
_WHOLE = 512
"""Rows that are not split: a second launch takes as long."""
_SHARE = 128
"""Rows that a share of more has at least."""


class Pattern(NamedTuple):
    """A shape as (batch, outer, outputs, inner): batch and outputs are kept, the others summed."""

    batch: int
    outer: int
    outputs: int
    inner: int


class Parted(NamedTuple):
    """Grid and block, and into how many shares each output's summands are split."""

    grid: tuple[int, ...]
    block: tuple[int, ...]
    splits: int


def pattern(shape: tuple[int, ...], dims: Collection[int]) -> Pattern | None:
    """`shape` summed over `dims`, neighbours of one kind taken together.

    None where nothing or all is summed, or kept and summed dimensions change too often.
    """
    # Dimensions of size 1 are of either kind.
    kinds = [(d in dims, n) for d, n in enumerate(shape) if n != 1]
    grouped = itertools.groupby(kinds, lambda one: one[0])
    runs = [(summed, math.prod(n for _, n in run)) for summed, run in grouped]
    sizes = [n for _, n in runs]
    match [summed for summed, _ in runs]:
        case [True, False]:
            return Pattern(1, sizes[0], sizes[1], 1)
        case [False, True]:
            return Pattern(1, 1, sizes[0], sizes[1])
        case [True, False, True]:
            return Pattern(1, sizes[0], sizes[1], sizes[2])
        case [False, True, False]:
            return Pattern(sizes[0], sizes[1], sizes[2], 1)
    return None


@functools.lru_cache(maxsize=4096)
def by_rows(found: Pattern, itemsize: int, processors: int) -> Parted:
    """For outputs with neighbouring summands: a warp or a block takes a row of them at a time."""
    packs = launch.ceil_div(found.inner * itemsize, launch.PACK_BYTES)
    team = launch.WARP if packs <= 8 * launch.WARP else 256
    teams = 256 // team
    blocks = launch.ceil_div(found.outputs, teams)
    wanted = launch.ceil_div(_BLOCKS * processors, blocks)
    splits = max(1, min(found.outer, wanted))
    grid = min(launch.ceil_div(found.outputs * splits, teams), launch.GRID)
    return Parted((grid,), (team, teams), splits)


@functools.lru_cache(maxsize=4096)
def by_columns(found: Pattern, width: int, processors: int) -> Parted:
    """For outputs that are neighbours: a block takes 32 packs of `width` of them, and 16 rows."""
    across = launch.ceil_div(found.outputs // width, launch.WARP) * found.batch
    wanted = launch.ceil_div(_BLOCKS * processors, across)
    splits = 1
    if found.outer > _WHOLE:
        splits = max(1, min(launch.ceil_div(found.outer, _SHARE), wanted))
    return Parted((across * splits,), (launch.WARP, 16), splits)
