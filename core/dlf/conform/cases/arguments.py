"""Arguments for any primitive, for cases that are not about its values."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dtypes import dtype_named
from ...registry import Op
from ..subject import Subject
from .samples import draw, kind

__all__ = ["arguments"]


def arguments(subject: Subject, op: Op, dtype: str) -> tuple[Any, ...] | None:
    """Host arrays of `dtype` and attributes to call the primitive `op` with; None if unknown.

    They are such that many kernels have nothing to do: zero widths, no indices, whole slices. A
    kernel that then returned its input itself would tie the two together.
    """
    x = draw(subject, dtype, (1, 3), 1, 4)
    whole = (0, 0), (1, 1), (1, 3)
    none = np.zeros(0, np.int64)
    ramp = np.arange(3)
    every = np.zeros((1, 3), np.int64)
    calls: dict[str, tuple[Any, ...]] = {
        "cast": (x, dtype_named(dtype)),
        "slice_set": (x, x[:, :0], (0, 0), (1, 1), (1, 0)),
        "pad": (x, ((0, 0), (0, 0)), 0),
        "concat": ((x,), 0),
        "take": (x, ramp, 1),
        "index_add": (x, none, x[:, :0], 1),
        "index_copy": (x, none, x[:, :0], 1),
        "gather": (x, every, 0),
        "scatter": (x, every[:0], x[:0], 1),
        "scatter_add": (x, every[:0], x[:0], 1),
        "where": (np.ones((1, 3), np.bool_), x, x),
        "argmax": (x, 1, False),
        "argmin": (x, 1, False),
        "cumsum": (x, 0),
        "cumprod": (x, 0),
        "sort": (x, 0, False, True),
        "matmul": (x, np.eye(3).astype(kind(dtype))),
        "reshape": (x, (1, 3)),
        "permute": (x, (0, 1)),
        "broadcast_to": (x, (1, 3)),
        "slice": (x, *whole),
    }
    for name in ("sum", "prod", "max", "min"):
        calls[name] = (x, (0,), True)
    if op.name in calls:
        return calls[op.name]
    if op.params == ("input",):
        return (x,)
    if op.inputs == 2 and len(op.params) == 2:
        return x, np.ones((1, 3), kind(dtype))
    return None
