"""The kernel that chooses between two operands, of which one may be a Python number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ..case import Case
from ..subject import LAYOUTS, Array, Placed, Subject
from .samples import ALL, FLOATS, NUMBERS, case, distinct, draw, kind, number, verify

__all__ = ["cases"]


def cases(subject: Subject) -> Iterator[Case]:
    """Shapes, numbers and bits, for every dtype."""
    for dtype in ALL:
        for theme, body in (("broadcast", _broadcast), ("number", _number), ("bits", _bits)):
            yield case("where", dtype, theme, partial(body, dtype=dtype))


def _host(x: Any, dtype: str) -> Array:
    if isinstance(x, Placed):
        return x.host
    return x if isinstance(x, np.ndarray) else np.array(x, kind(dtype))


def _chosen(subject: Subject, condition: Array, a: Any, b: Any, dtype: str) -> None:
    x, y = _host(a, dtype), _host(b, dtype)
    c, x, y = np.broadcast_arrays(condition, x, y)
    expected = np.empty(c.shape, kind(dtype))
    for place in np.ndindex(c.shape):
        expected[place] = x[place] if c[place] else y[place]
    verify(subject, "where", (condition, a, b), expected, bits=True)


def _broadcast(subject: Subject, dtype: str) -> None:
    subject.need("bool")
    shapes: tuple[tuple[tuple[int, ...], ...], ...] = (
        ((3, 5), (3, 5), (3, 5)),
        ((), (), ()),
        ((0,), (0,), (1,)),
        ((3, 1), (1, 5), (3, 5)),
        ((5,), (4, 5), ()),
        ((), (4, 5), (5,)),
        ((2, 3, 4), (4,), (3, 1)),
        ((9, 500), (9, 500), (9, 500)),
    )
    for condition, first, second in shapes:
        chosen = draw(subject, "bool", condition)
        a, b = draw(subject, dtype, first), draw(subject, dtype, second)
        _chosen(subject, chosen, a, b, dtype)


def _number(subject: Subject, dtype: str) -> None:
    subject.need("bool")
    for value in (0, 1, 3) if dtype in (*NUMBERS,) else (0, 1):
        python = number(dtype, value)
        for shape in ((), (0,), (3, 4)):
            chosen, a = draw(subject, "bool", shape), draw(subject, dtype, shape)
            _chosen(subject, chosen, a, python, dtype)
            _chosen(subject, chosen, python, a, dtype)
    if dtype in FLOATS:
        chosen, a = draw(subject, "bool", (9,)), draw(subject, dtype, (9,))
        for special in (math.nan, -math.inf, -0.0):
            _chosen(subject, chosen, a, special, dtype)


def _bits(subject: Subject, dtype: str) -> None:
    """What is not chosen leaves no trace, NaN and infinity included."""
    subject.need("bool")
    a, b = distinct(subject, dtype, (4, 12)), distinct(subject, dtype, (4, 12))
    chosen = draw(subject, "bool", (4, 12))
    _chosen(subject, chosen, a, b, dtype)
    for layout in LAYOUTS:
        _chosen(subject, chosen, subject.laid(a, layout), b, dtype)
