"""A stand-in for CuPy over NumPy: enough of it for the `cuda` backend to run on a processor.

It finds mistakes of Python: a name that CuPy has not, a host array where a card's is wanted, a
dtype that its functions refuse. Its limits are written down from CuPy 14.2's sources. What cards
compute, and when, it cannot show.
"""

from __future__ import annotations

from . import cuda
from .array import ndarray as ndarray
from .functions import *  # noqa: F403  # every function, by CuPy's names

__version__ = "14.2.0"

add = ufunc("add", atomics="iIlLqQefd")  # noqa: F405


def get_default_memory_pool():
    return cuda._pool


def get_default_pinned_memory_pool():
    return cuda._pinned


def may_share_memory(a, b):
    import numpy

    return numpy.may_share_memory(a._host, b._host)
