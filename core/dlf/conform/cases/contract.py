"""Matrix products."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from ..case import Case
from ..subject import LAYOUTS, Array, Placed, Subject
from .samples import COMPLEX, FLOATS, INTS, LOW, NUMBERS, case, draw, kind, verify, wide, wrapped

__all__ = ["cases"]

_SHAPES: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((3, 4), (4, 5)),
    ((1, 1), (1, 1)),
    ((1, 4), (4, 1)),
    ((4, 1), (1, 5)),
    ((1, 7), (7, 3)),
    ((6, 7), (7, 1)),
    ((33, 17), (17, 9)),
    ((3, 0), (0, 5)),
    ((0, 4), (4, 5)),
    ((3, 4), (4, 0)),
)
_BATCHES: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((2, 3, 4), (2, 4, 5)),
    ((2, 3, 4), (4, 5)),
    ((3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (5, 4, 2)),
    ((1, 3, 4), (6, 4, 2)),
    ((6, 1, 4), (1, 4, 1)),
    ((2, 3, 4, 4), (2, 3, 4, 4)),
    ((0, 3, 4), (0, 4, 5)),
    ((0, 3, 4), (4, 5)),
    ((2, 3, 0), (2, 0, 5)),
    ((1, 0, 3, 4), (2, 1, 4, 5)),
)


def cases(subject: Subject) -> Iterator[Case]:
    """Shapes, batches that broadcast, layouts, NaN and infinity, and accumulation."""
    bodies = [("shapes", _shapes), ("batches", _batches), ("layout", _layout)]
    for dtype in NUMBERS:
        for theme, body in bodies:
            yield case("matmul", dtype, theme, partial(body, dtype=dtype))
        yield case("matmul", dtype, "accumulation", partial(_accumulation, dtype=dtype))
        if dtype in FLOATS:
            yield case("matmul", dtype, "special", partial(_special, dtype=dtype))


def _products(a: Array, b: Array) -> tuple[Array, Array]:
    """Rows of `a` times columns of `b`, summed by Python; and the sums of the terms' sizes."""
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = np.broadcast_to(a, batch + a.shape[-2:])
    b = np.broadcast_to(b, batch + b.shape[-2:])
    shape = (*batch, a.shape[-2], b.shape[-1])
    out = np.zeros(shape, a.dtype)
    size = np.zeros(shape, np.float64)
    for place in np.ndindex(shape):
        with np.errstate(all="ignore"):
            terms = a[(*place[:-1], slice(None))] * b[(*place[:-2], slice(None), place[-1])]
            size[place] = float(sum(abs(term) for term in terms))
            finite = a.dtype.kind == "f" and bool(np.isfinite(terms).all())
            out[place] = math.fsum(terms) if finite else sum(terms)
    return out, size


def _check(
    subject: Subject,
    a: Array,
    b: Array,
    first: Placed | Array | None = None,
    second: Placed | Array | None = None,
    factor: float = 1.0,
) -> None:
    dtype = a.dtype.name
    expected, size = _products(wide(a), wide(b))
    args = (a if first is None else first, b if second is None else second)
    if dtype in INTS:
        verify(subject, "matmul", args, wrapped(expected, dtype))
        return
    # Terms may cancel: the error is measured against the sum of their sizes.
    small = np.where(np.isfinite(size), size, 1.0) * 0.2
    verify(subject, "matmul", args, expected, dtype, factor=factor, floor=small)


def _shapes(subject: Subject, dtype: str) -> None:
    for first, second in _SHAPES:
        _check(subject, draw(subject, dtype, first), draw(subject, dtype, second))


def _batches(subject: Subject, dtype: str) -> None:
    for first, second in _BATCHES:
        _check(subject, draw(subject, dtype, first), draw(subject, dtype, second))


def _layout(subject: Subject, dtype: str) -> None:
    for layout in LAYOUTS:
        for first, second in (((3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5))):
            a, b = draw(subject, dtype, first), draw(subject, dtype, second)
            _check(subject, a, b, subject.laid(a, layout))
            _check(subject, a, b, None, subject.laid(b, layout))
            _check(subject, a, b, subject.laid(a, layout), subject.laid(b, layout))
    row = subject.expanded(draw(subject, dtype, (4,)), (3, 4))
    column = subject.expanded(draw(subject, dtype, (4, 1)), (4, 5))
    _check(subject, row.host, column.host, row, column)


def _accumulation(subject: Subject, dtype: str) -> None:
    """Long rows: 16-bit totals would stop at 2048 or 256, and 19-bit factors show in float32."""
    n = 4096 if dtype in LOW else 600
    ones = np.ones((2, n), kind(dtype))
    _check(subject, ones, np.asarray(np.ones((n, 2), kind(dtype))))
    if dtype == "float16":
        row = np.array([[300, -300, 1]], kind(dtype))  # The first term is beyond float16.
        _check(subject, row, np.array([[300], [300], [1]], kind(dtype)))
        _check(subject, row, np.array([[300], [0], [1]], kind(dtype)))  # So is this product.
    if dtype in INTS:  # Numbers of all bits, of which floating point would lose some.
        limits = np.iinfo(kind(dtype))
        a = subject.rng.integers(limits.min, limits.max, (3, 5), dtype, True)
        _check(subject, a, np.asarray(a.T[:, ::-1].copy()))
    high = 100 if dtype in INTS else 1
    a, b = draw(subject, dtype, (3, 64), -high, high), draw(subject, dtype, (64, 3), -high, high)
    _check(subject, a, b, factor=0.5 if dtype in ("float32", "complex64") else 1.0)
    if dtype in (*LOW, *COMPLEX):
        return
    a, b = draw(subject, dtype, (2, 3, n), 0, high), draw(subject, dtype, (n, 3), 0, high)
    _check(subject, a, b)


def _special(subject: Subject, dtype: str) -> None:
    """NaN and infinity reach the rows and columns that they stand in, and no others."""
    a, b = draw(subject, dtype, (4, 5), 0.5, 1), draw(subject, dtype, (5, 3), 0.5, 1)
    a[0, 2] = math.nan
    a[1, 0] = math.inf
    _check(subject, a, b)
    a[3] = b[3] = 0.0  # Zeros times NaN or infinity is NaN.
    b[0, 1] = 0.0
    b[4, 2] = -math.inf
    _check(subject, a, b)
    b[1, 0] = math.nan
    _check(subject, a, b)
    _check(subject, np.stack([a, a + 1]), np.stack([b, b]))
