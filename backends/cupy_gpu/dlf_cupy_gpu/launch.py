"""Grids, blocks and shared memory: pure functions of shapes, so that tests need no card.

Blocks have whole warps and at most 512 threads, which fits every kernel's registers; grids are
bounded, since the kernels loop in strides of their grid.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = [
    "CHUNK",
    "GRID",
    "PACK_BYTES",
    "SHARED",
    "STEP_CHUNK",
    "STEP_THREADS",
    "Launch",
    "Planes",
    "Rows",
    "Sums",
    "ceil_div",
    "columns",
    "copies",
    "is_short",
    "is_wide",
    "items",
    "pitch",
    "planes",
    "rows",
    "rows_with_sums",
    "step_table",
]

WARP = 32
PACK_BYTES = 16
"""The widest access of one thread."""
SHARED = 47 * 1024
"""Dynamic shared memory that a block may take beside 1 KiB of static, without further settings."""
GRID = 1 << 20
"""The largest grid that is used; more work is looped over."""
_THREADS = 256

# A training step asks for the same few shapes again and again.
_kept = functools.lru_cache(maxsize=4096)


class Launch(NamedTuple):
    """Grid, block and bytes of dynamic shared memory."""

    grid: tuple[int, ...]
    block: tuple[int, ...]
    shared: int = 0


class Rows(NamedTuple):
    """`Launch` for kernels whose teams of threads take a row each, and whether they cache it."""

    grid: tuple[int, ...]
    block: tuple[int, ...]
    shared: int
    cached: bool


def ceil_div(a: int, b: int) -> int:
    """`a / b` rounded up."""
    return -(-a // b)


def is_wide(itemsize: int, addresses: Iterable[int], lengths: Sequence[int]) -> bool:
    """Whether arrays that start at `addresses`, in rows of `lengths` elements, can be read in packs
    of 16 bytes throughout.
    """
    return all(n * itemsize % PACK_BYTES == 0 for n in lengths) and all(
        a % PACK_BYTES == 0 for a in addresses
    )


@_kept
def items(count: int, per_thread: int = 1, threads: int = _THREADS) -> Launch:
    """A thread for each `per_thread` of `count` elements; at least one block."""
    blocks = ceil_div(count, threads * per_thread)
    return Launch((min(max(blocks, 1), GRID),), (threads,))


def is_short(columns: int, itemsize: int) -> bool:
    """Whether a thread has a row for itself: most of a warp would have nothing of it to do."""
    return columns * itemsize <= 128


def pitch(columns: int, itemsize: int) -> int:
    """Bytes of shared memory for a row: whole packs, and one more for a row that may start within
    a pack. ``pitch_of`` of the sources.
    """
    packs, rest = divmod(columns * itemsize, PACK_BYTES)
    return (packs + 2 if rest else packs) * PACK_BYTES


@_kept
def rows(count: int, columns: int, itemsize: int, width: int, arrays: int = 1) -> Rows:
    """Teams for `count` rows of `columns` elements, read `width` at a time from `arrays` arrays.

    A warp takes a row that gives each lane at most 8 packs, a block a longer one. Rows are cached
    in shared memory where they fit.
    """
    packs = ceil_div(columns, width)
    space = pitch(columns, itemsize) * arrays
    if packs <= 8 * WARP and space * 2 <= SHARED:
        team = WARP
        teams = min(_THREADS // WARP, max(1, SHARED // 2 // max(space, 1)), max(count, 1))
    else:
        # Four packs a lane, as a power of two, hide the latency of their reads.
        team = min(512, max(64, 1 << math.ceil(math.log2(packs / 4))))
        teams = 1
    cached = space * teams <= SHARED
    grid = min(max(ceil_div(count, teams), 1), GRID)
    return Rows((grid,), (team, teams), space * teams if cached else 0, cached)


class Sums(NamedTuple):
    """`Launch` for gradients of normalized rows, and whether it sums those of the weights, too."""

    grid: tuple[int, ...]
    block: tuple[int, ...]
    shared: int
    summed: bool


@_kept
def rows_with_sums(count: int, columns: int, width: int, accumulator: int, processors: int) -> Sums:
    """Teams for `count` rows that also sum over the rows, two sums of `accumulator` bytes a column.

    Each block writes its sums, so there are only a few blocks a multiprocessor.
    """
    packs = ceil_div(columns, width)
    pitch = 2 * columns * accumulator
    if packs <= WARP and pitch * 2 <= SHARED:
        team, teams = WARP, min(_THREADS // WARP, max(count, 1))
        teams = max(1, min(teams, SHARED // max(pitch, 1)))
    else:
        team, teams = min(512, ceil_div(packs, WARP) * WARP), 1
    summed = pitch * teams <= SHARED
    blocks = max(ceil_div(count, teams), 1)
    if summed:
        blocks = min(blocks, processors * max(1, min(8, 1024 // (team * teams))))
    return Sums((min(blocks, GRID),), (team, teams), pitch * teams if summed else 0, summed)


@_kept
def columns(count: int, rows: int, processors: int) -> tuple[Launch, int]:
    """Blocks of 32 columns and 16 threads down the rows, and into how many shares rows are split.

    The shares are so many that every multiprocessor has some blocks, of 16 rows at least.
    """
    blocks = max(ceil_div(count, WARP), 1)
    splits = max(1, min(ceil_div(8 * processors, blocks), ceil_div(rows, 64)))
    return Launch((blocks * splits,), (WARP, 16)), splits


class Planes(NamedTuple):
    """How planes of (batch, channels, inner) are shared out.

    Attributes:
        lanes: threads that share a piece of a plane, a power of two.
        splits: blocks a channel.
        reducing: `Launch` with `splits` blocks for each channel.
        applying: `Launch` over all pieces.
    """

    lanes: int
    splits: int
    reducing: Launch
    applying: Launch


CHUNK = 4096
"""Packs in a piece of a plane; stands in ``norm_batch.cu``, too."""


@_kept
def planes(batch: int, channels: int, inner: int, width: int, processors: int) -> Planes:
    """Shares of the planes of (batch, channels, inner), `inner` > 0, read `width` at a time."""
    packs = inner // width
    pieces = batch * ceil_div(packs, CHUNK)
    lanes = min(_THREADS, 1 << max(0, (packs - 1).bit_length()))
    # The last turn leaves most lanes without a pack: several turns, as long as all have work.
    while lanes > WARP and packs < 8 * lanes and channels * pieces * lanes > 2048 * processors:
        lanes //= 2
    teams = _THREADS // lanes
    splits = max(1, min(ceil_div(8 * processors, channels), ceil_div(pieces, teams)))
    reducing = Launch((channels * splits,), (_THREADS,))
    applying = Launch((min(ceil_div(pieces * channels, teams), GRID),), (_THREADS,))
    return Planes(lanes, splits, reducing, applying)


@_kept
def copies(count: int, columns: int, width: int) -> Launch:
    """Teams for `count` rows of `columns` elements that are only passed over, `width` at a time."""
    packs = max(ceil_div(columns, width), 1)
    team = min(_THREADS, ceil_div(packs, WARP) * WARP)
    teams = _THREADS // team
    return Launch((min(max(ceil_div(count, teams), 1), GRID),), (team, teams))


STEP_CHUNK = 1 << 14
"""Elements of a parameter that one block updates."""
STEP_THREADS = 256


def step_table(places: Sequence[int], sizes: Sequence[int]) -> tuple[list[int], int]:
    """The table that ``step.cu`` reads, and the number of blocks.

    `places` are addresses, list by list, of arrays of `sizes` elements.
    """
    parts = [(at, start) for at, n in enumerate(sizes) for start in range(0, n, STEP_CHUNK)]
    return [*places, *sizes, *(at for at, _ in parts), *(start for _, start in parts)], len(parts)
