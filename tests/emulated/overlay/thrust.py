"""CuPy's module of Thrust's sorts, over the emulated card's."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from cupy.cuda.stream import get_current_stream

available = True

_TYPES = set("?bhilqBHILQefdFD")
_SORT, _ARGSORT, _LEXSORT = range(3)

_card = ctypes.CDLL("libcard.so")
_number, _pointer = ctypes.c_int, ctypes.c_void_p
_card.card_sort.argtypes = [_pointer, *[_number] * 2, *[_pointer] * 2, *[ctypes.c_longlong] * 2]


def get_build_version() -> int:
    """Thrust's."""
    return 300000


def sort(dtype: Any, data: int, keys: int, shape: Sequence[int]) -> None:
    """Sort an array along its last axis, in its place."""
    _call(_SORT, _known(dtype, NotImplementedError), data, 0, shape)


def argsort(dtype: Any, places: int, data: int, keys: int, shape: Sequence[int]) -> None:
    """Indices that would sort an array along its last axis."""
    _call(_ARGSORT, _known(dtype, NotImplementedError), data, places, shape)


def lexsort(dtype: Any, places: int, keys: int, rows: int, count: int) -> None:
    """Indices that would sort columns by their rows, the last one first."""
    _call(_LEXSORT, _known(dtype, TypeError), keys, places, (rows, count))


def _known(dtype: Any, error: type[Exception]) -> str:
    letter = np.dtype(dtype).char
    if letter not in _TYPES:
        raise error(f"Sorting arrays with dtype '{dtype}' is not supported")
    return letter


def _call(task: int, letter: str, data: int, places: int, shape: Sequence[int]) -> None:
    count = shape[-1]
    rows = math.prod(shape) // max(count, 1)
    stream = get_current_stream().ptr
    status = _card.card_sort(stream, task, ord(letter), data, places, rows, count)
    if status:
        raise RuntimeError(f"the emulated card's sort failed with status {status}")
