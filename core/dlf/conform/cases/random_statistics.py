"""Tests of hypotheses about random numbers, with bounds that right ones pass but once in 10 000.

The numbers depend on a seed that is fixed, so that what passes passes always.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..subject import Array

__all__ = [
    "assert_distribution",
    "assert_even",
    "assert_mean",
    "assert_no_overlap",
    "assert_unrelated",
    "normal_below",
]

# Of Kolmogorov's distribution: 2 * exp(-2 * x * x) is 1e-4.
_KOLMOGOROV = 2.23
_DEVIATIONS = 5.0


def assert_distribution(
    values: Array, below: Callable[[Array], Array], what: str, slack: float = 0.0
) -> None:
    """The share of `values` up to each point is ``below(point)`` (Kolmogorov and Smirnov).

    `slack` is what the rounding of the values may add.
    """
    x = np.sort(values.astype(np.float64).ravel())
    expected, n = below(x), x.size
    upper = (np.arange(1, n + 1) / n - expected).max()
    lower = (expected - np.arange(n) / n).max()
    worst = max(float(upper), float(lower))
    assert worst < _KOLMOGOROV / math.sqrt(n) + slack, (
        f"{what}: its distribution function is off by {worst:.5f} over {n} numbers"
    )


def normal_below(x: Array) -> Array:
    """The normal distribution function."""
    return np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in x.tolist()])


def assert_mean(values: Array, mean: float, variance: float, what: str) -> None:
    """The mean of `values`, of that `variance`, is `mean`, within its standard errors."""
    found = float(values.mean(dtype=np.float64))
    error = math.sqrt(variance / values.size)
    assert abs(found - mean) < _DEVIATIONS * error, f"the mean of {what} is {found}, not {mean}"


def assert_even(cells: Array, count: int, what: str) -> None:
    """Each of the `count` values from 0 on is as frequent as any other among `cells` (Pearson)."""
    found = np.bincount(cells.ravel().astype(np.int64), minlength=count)
    assert found.size == count, f"{what}: a value beyond its range"
    wanted = cells.size / count
    statistic = float(((found - wanted) ** 2).sum() / wanted)
    # Laurent and Massart (2000): beyond it with a probability of exp(-10) at most.
    degrees = count - 1
    bound = degrees + 2 * math.sqrt(10 * degrees) + 20
    assert statistic < bound, (
        f"{what}: not evenly spread, chi-square is {statistic:.0f} with {degrees} degrees"
    )


def assert_unrelated(a: Array, b: Array, what: str) -> None:
    """`a` and `b`, of one length, do not correlate."""
    pair = np.stack([a.ravel(), b.ravel()]).astype(np.float64)
    pair -= pair.mean(1, keepdims=True)
    norm = math.sqrt(float((pair[0] ** 2).sum() * (pair[1] ** 2).sum()))
    found = float((pair[0] * pair[1]).sum()) / norm if norm else 1.0
    assert abs(found) < _DEVIATIONS / math.sqrt(a.size), f"{what} correlate: {found:.4f}"


def assert_no_overlap(a: Array, b: Array, what: str) -> None:
    """No eight numbers in a row stand in both `a` and `b`, wherever."""
    rows = [
        {w.tobytes() for w in np.lib.stride_tricks.sliding_window_view(x.ravel(), 8)}
        for x in (a, b)
    ]
    common = len(rows[0] & rows[1])
    assert not common, f"{what} have {common} runs of eight numbers in common"
