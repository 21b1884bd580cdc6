"""Launch geometry: what it gives for a shape covers that shape, within a card's limits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlf_cupy_gpu import launch

counts = st.integers(1, 10**7)
lengths = st.integers(1, 10**5)
processors = st.sampled_from([1, 40, 132])
itemsizes = st.sampled_from([2, 4, 8])


def check(plan: Any) -> None:
    threads = 1
    for n in plan.block:
        threads *= n
    assert 32 <= threads <= 512 and threads % 32 == 0 and plan.block[0] % 32 == 0
    assert all(1 <= n < 2**31 for n in plan.grid)
    assert 0 <= plan.shared <= launch.SHARED


@pytest.mark.parametrize(
    ("itemsize", "addresses", "lengths", "wide"),
    [
        (4, [0, 256], [8], True),
        (4, [0, 4], [8], False),
        (4, [0], [8, 6], False),
        (2, [16], [8], True),
        (2, [16], [12], False),
        (8, [32], [], True),
        (8, [40], [], False),
    ],
)
def test_is_wide(itemsize: int, addresses: list[int], lengths: list[int], wide: bool) -> None:
    assert launch.is_wide(itemsize, addresses, lengths) is wide


@settings(deadline=None)
@given(st.integers(0, 10**12), st.sampled_from([1, 4, 8]))
def test_items(count: int, per_thread: int) -> None:
    plan = launch.items(count, per_thread)
    check(plan)
    threads = plan.grid[0] * plan.block[0] * per_thread
    assert threads >= count or plan.grid[0] == launch.GRID
    assert plan.grid[0] == 1 or threads - count < plan.block[0] * per_thread


@settings(deadline=None)
@given(counts, lengths, itemsizes, st.booleans(), st.sampled_from([1, 2]))
def test_rows(count: int, columns: int, itemsize: int, wide: bool, arrays: int) -> None:
    width = 16 // itemsize if wide else 1
    plan = launch.rows(count, columns, itemsize, width, arrays)
    check(plan)
    team, teams = plan.block
    assert team == 32 or teams == 1
    assert plan.grid[0] * teams >= count or plan.grid[0] == launch.GRID
    # As the kernels lay it out: slices of whole packs for each team and array.
    width = 16 // itemsize
    pitch = columns * itemsize
    if columns % width:
        pitch = (columns // width + 2) * 16
    assert launch.pitch(columns, itemsize) == pitch
    assert plan.shared == (pitch * arrays * teams if plan.cached else 0)
    assert plan.cached == (pitch * arrays * teams <= launch.SHARED)


def test_is_short() -> None:
    assert launch.is_short(10, 4) and launch.is_short(64, 2) and not launch.is_short(33, 4)


def test_rows_of_usual_sizes() -> None:
    assert launch.rows(4096, 128, 4, 4).block == (32, 8)
    assert launch.rows(4096, 1024, 4, 4).block == (32, 5)
    assert launch.rows(4096, 4096, 4, 4) == ((4096,), (256, 1), 16384, True)
    assert launch.rows(64, 50257, 2, 1).cached is False
    assert launch.rows(3, 10, 4, 1).block == (32, 3)


@settings(deadline=None)
@given(counts, lengths, st.sampled_from([1, 4, 8]), st.sampled_from([4, 8]), processors)
def test_rows_with_sums(
    count: int, columns: int, width: int, accumulator: int, processors: int
) -> None:
    plan = launch.rows_with_sums(count, columns, width, accumulator, processors)
    check(plan)
    team, teams = plan.block
    assert team == 32 or teams == 1
    sums = 2 * columns * accumulator * teams
    assert plan.shared == (sums if plan.summed else 0)
    assert plan.summed == (sums <= launch.SHARED)
    if plan.summed:
        assert plan.grid[0] <= 8 * processors
    else:
        assert plan.grid[0] * teams >= count or plan.grid[0] == launch.GRID


@settings(deadline=None)
@given(lengths, counts, processors)
def test_columns(count: int, rows: int, processors: int) -> None:
    plan, splits = launch.columns(count, rows, processors)
    check(plan)
    assert plan.block == (32, 16) and plan.grid[0] % splits == 0
    assert plan.grid[0] // splits * 32 >= count
    assert splits == 1 or splits <= -(-rows // 64)


@settings(deadline=None)
@given(st.integers(1, 4096), st.integers(1, 4096), st.integers(1, 10**6), processors)
def test_planes(batch: int, channels: int, inner: int, processors: int) -> None:
    for width in (1, 4):
        plan = launch.planes(batch, channels, inner * width, width, processors)
        check(plan.reducing)
        check(plan.applying)
        assert plan.lanes & (plan.lanes - 1) == 0 and plan.lanes <= 256
        assert plan.lanes == 256 or plan.lanes >= min(inner, 32)
        assert plan.reducing.grid[0] == channels * plan.splits


@settings(deadline=None)
@given(counts, lengths, st.sampled_from([1, 4, 8]))
def test_copies(count: int, columns: int, width: int) -> None:
    plan = launch.copies(count, columns, width)
    check(plan)
    assert plan.grid[0] * plan.block[1] >= count or plan.grid[0] == launch.GRID


@settings(deadline=None)
@given(st.lists(st.integers(0, 100_000), max_size=8), st.integers(1, 5))
def test_step_table(sizes: list[int], lists: int) -> None:
    places = list(range(100, 100 + lists * len(sizes)))
    table, blocks = launch.step_table(places, sizes)
    head = lists * len(sizes)
    assert table[:head] == places and table[head : head + len(sizes)] == sizes
    parts = table[head + len(sizes) :]
    assert len(parts) == 2 * blocks
    covered = [0] * len(sizes)
    for at, start in zip(parts[:blocks], parts[blocks:], strict=True):
        assert start == covered[at] and start % 8 == 0
        covered[at] = min(start + launch.STEP_CHUNK, sizes[at])
    assert covered == sizes
