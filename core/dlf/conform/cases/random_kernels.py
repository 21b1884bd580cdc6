"""The optional group ``random``: the kernels with which a device draws by itself.

They are called at places of a stream, a seed and an offset that counts steps of four numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from ... import dtypes
from ...generator import GROUP
from ..case import Case
from ..close import assert_close
from ..subject import Array, Subject
from . import random_statistics as statistics

__all__ = ["cases"]

FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
SHAPES = ((), (0,), (3, 0, 2), (1,), (2, 3, 5))
COUNT = 1 << 16

Draw = Callable[..., Array]


def cases(subject: Subject) -> Iterator[Case]:
    """Cases for a device that has a kernel of the group, or a fused dropout."""
    if any(map(subject.native, GROUP)):
        yield Case("random/whole group", _whole, "random")
        for op in GROUP:
            names = INTEGERS if op == "random_integers" else FLOATS
            for dtype in filter(subject.claims, names):
                for check in CHECKS[op]:
                    what = check.__name__.strip("_").replace("_", " ")
                    run = partial(_checked, check=check, op=op, dtype=dtype)
                    yield Case(f"{op}/{dtype}/{what}", run, "random", op, dtype)
    if subject.native("dropout") and subject.native("random_uniform"):
        for dtype in filter(lambda name: subject.claims(name, "dropout"), FLOATS):
            run = partial(_dropout, dtype=dtype)
            yield Case(f"random/dropout/{dtype}", run, "random", "dropout", dtype)


def _whole(subject: Subject) -> None:
    """A device with one kernel of the group has all, or core would not use it."""
    missing = [op for op in GROUP if not subject.native(op)]
    assert not missing, f"the group random lacks {', '.join(missing)}"


def _checked(subject: Subject, check: Callable[[Draw, str], None], op: str, dtype: str) -> None:
    kernel, kind = subject.kernel(op), dtypes.ALL[dtype]

    def draw(shape: Any, *attributes: Any, seed: int = 5, offset: int = 0) -> Array:
        shape = (shape,) if isinstance(shape, int) else shape
        made = subject.get(kernel(shape, *attributes, kind, seed, offset, subject.index)).copy()
        assert made.shape == shape, f"{op} gave shape {made.shape}, expected {shape}"
        assert made.dtype == kind.numpy, f"{op} gave {made.dtype}, expected {dtype}"
        return made

    check(draw, dtype)


# ------------------------------------------------------------------ places
def _repeats(draw: Draw, dtype: str, *range_: int) -> None:
    """A place gives the same numbers each time, and its seed and offset count with all bits."""
    first = draw(64, *range_, seed=3, offset=9)
    assert np.array_equal(first, draw(64, *range_, seed=3, offset=9)), "one place, other numbers"
    for bit in (0, 20, 32, 50, 63):
        for place in ({"seed": 3 ^ 1 << bit}, {"offset": 9 ^ 1 << bit}):
            other = draw(64, *range_, **{"seed": 3, "offset": 9, **place})
            name = next(iter(place))
            assert not np.array_equal(first, other), f"bit {bit} of the {name} does not count"


def _goes_on(draw: Draw, dtype: str, *range_: int) -> None:
    """Places that follow each other share no numbers, and are not related."""
    for count, offset in ((4096, 0), (4096, 2**32 - 512), (4098, 7)):
        steps = -(-count // 4)
        a = draw(count, *range_, offset=offset)
        b = draw(count, *range_, offset=offset + steps)
        statistics.assert_no_overlap(a, b, f"the draws at {offset} and {offset + steps}")
        statistics.assert_unrelated(a, b, "neighbouring places")
    statistics.assert_unrelated(
        draw(4096, *range_, seed=1), draw(4096, *range_, seed=2), "neighbouring seeds"
    )


def _independent(draw: Draw, dtype: str, *range_: int) -> None:
    """Numbers do not follow from those that stand up to nine before them."""
    drawn = draw(COUNT, *range_, seed=8)
    for lag in range(1, 10):
        statistics.assert_unrelated(drawn[lag:], drawn[:-lag], f"numbers {lag} apart")


def _shapes(draw: Draw, dtype: str, *range_: int) -> None:
    """Empty and 0-d shapes, and others; `draw` looks at what is given."""
    for shape in SHAPES:
        draw(shape, *range_)


# ------------------------------------------------------------------ uniform
def _below_one(draw: Draw, dtype: str) -> None:
    """Numbers are in [0, 1), evenly spread, with as many digits as the dtype has."""
    drawn = draw(COUNT, seed=11).astype(np.float64)
    assert drawn.min() >= 0, f"{drawn.min()} is below 0"
    assert drawn.max() < 1, f"{drawn.max()} is not below 1"
    slack = {"float16": 2.0**-11, "bfloat16": 2.0**-8}.get(dtype, 0.0)
    statistics.assert_distribution(drawn, lambda x: x, "random_uniform", slack)
    statistics.assert_mean(drawn + slack / 2, 0.5, 1 / 12, "random_uniform")
    # Of n numbers of b bits, about n * n / 2 ** (b + 1) are there already.
    distinct = np.unique(drawn).size
    least = {"float64": COUNT, "float32": COUNT - 1024, "float16": 1024, "bfloat16": 128}[dtype]
    assert distinct >= least, f"only {distinct} of {COUNT} numbers differ"


# ------------------------------------------------------------------ normal
def _normal(draw: Draw, dtype: str) -> None:
    """The distribution, its first four moments and its tails."""
    drawn = draw(COUNT, seed=12).astype(np.float64)
    assert np.isfinite(drawn).all(), "infinite or NaN"
    slack = {"float16": 1e-3, "bfloat16": 4e-3}.get(dtype, 0.0)
    statistics.assert_distribution(drawn, statistics.normal_below, "random_normal", slack)
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        statistics.assert_mean(drawn**power, mean, variance, f"random_normal ** {power}")
    assert 3.5 < np.abs(drawn).max() < 9, f"the greatest of {COUNT} is {np.abs(drawn).max()}"


# ------------------------------------------------------------------ integers
def _ranges(draw: Draw, dtype: str) -> None:
    """Every value of [low, high) comes, none else, and all as often."""
    info = dtypes.iinfo(dtypes.ALL[dtype])
    for low, high in ((0, 100), (info.min, info.min + 7), (info.max - 9, info.max + 1), (5, 6)):
        drawn = draw(COUNT, low, high, seed=13)
        for value in (int(drawn.min()), int(drawn.max())):
            assert low <= value < high, f"{value} is not in [{low}, {high})"
        cells = np.array([int(v) - low for v in np.unique(drawn).tolist()])
        assert cells.size == high - low, f"{cells.size} of the {high - low} values came"
        if high - low > 1:
            statistics.assert_even(_cells(drawn, low, high, high - low), high - low, "integers")


def _wide_ranges(draw: Draw, dtype: str) -> None:
    """Ranges that are no power of 2 and those of the whole dtype are even, too."""
    info = dtypes.iinfo(dtypes.ALL[dtype])
    span = info.max - info.min + 1
    for low, high, cells in (
        (info.min, info.max + 1, 64),
        (info.min, info.min + span // 4 * 3, 48),
    ):
        drawn = draw(COUNT, low, high, seed=14)
        assert low <= int(drawn.min()) <= int(drawn.max()) < high
        statistics.assert_even(_cells(drawn, low, high, cells), cells, f"[{low}, {high})")
    if span > 2**32:
        statistics.assert_even(_cells(draw(COUNT, 0, 3 << 30), 0, 3 << 30, 48), 48, "3 * 2**30")


def _cells(drawn: Array, low: int, high: int, count: int) -> Array:
    """In which of `count` equal parts of [low, high) each number is."""
    return np.array([(int(v) - low) * count // (high - low) for v in drawn.ravel().tolist()])


# ------------------------------------------------------------------ dropout
def _dropout(subject: Subject, dtype: str) -> None:
    """The mask is where `random_uniform` gives p or more at the same place; what is kept is scaled
    and what is not is 0."""
    uniform = subject.kernel("random_uniform")
    kind = dtypes.ALL[dtype].numpy
    for shape in (*SHAPES, (33, 65)):
        host = np.asarray(subject.rng.standard_normal(shape)).astype(kind)
        for p in (0.0, 0.25, 0.9, 1.0):
            out, mask = subject.call("dropout", host, p, 2**40 + 1, 77)
            drawn = subject.get(uniform(shape, dtypes.float32, 2**40 + 1, 77, subject.index))
            assert mask.dtype == np.bool_ and out.dtype == kind
            assert np.array_equal(mask, drawn >= np.float32(p)), f"p={p}: not the stream's mask"
            scale = 1 / (1 - p) if p < 1 else 0.0
            assert_close(out, host.astype(np.float64) * mask * scale, dtype, f"dropout, p={p}")


def _of_range(check: Callable[..., None]) -> Callable[[Draw, str], None]:
    """A check of places for integers, whose draws have a range."""

    def run(draw: Draw, dtype: str) -> None:
        check(draw, dtype, 0, 100)

    run.__name__ = check.__name__
    return run


PLACES = (_repeats, _goes_on, _independent, _shapes)
CHECKS: dict[str, tuple[Callable[[Draw, str], None], ...]] = {
    "random_uniform": (*PLACES, _below_one),
    "random_normal": (*PLACES, _normal),
    "random_integers": (*map(_of_range, PLACES), _ranges, _wide_ranges),
}
