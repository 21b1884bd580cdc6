"""Python scalars as 0-d arrays, which NumPy's functions take in half the time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dlf.xp.data import wrap_integer

__all__ = ["SCALARS", "UNSIGNED_ZERO_SCALARS", "Scalars", "scalar"]

_LIMIT = 512


def scalar(value: Any, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """`value` as a 0-d array; integers wrap."""
    if dtype.kind in "iu" and isinstance(value, int):
        value = wrap_integer(value, dtype)
    return np.array(value, dtype)


class Scalars(dict[np.dtype[Any], dict[Any, npt.NDArray[Any]]]):
    """`scalars[dtype][value]`, bounded; `KeyError` where the value is not kept.

    Equal keys must mean equal results, so complex values and NaN are not kept, nor zeros unless
    `unsigned_zero` says that their sign does not matter.
    """

    def __init__(self, unsigned_zero: bool) -> None:
        super().__init__()
        self.unsigned_zero = unsigned_zero

    def make(self, value: Any, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """The 0-d array of `value`, kept for the next time if it may be."""
        array = scalar(value, dtype)
        array.flags.writeable = False
        if value == value and not isinstance(value, complex) and (value or self.unsigned_zero):
            row = self.setdefault(dtype, {})
            if len(row) >= _LIMIT:
                row.clear()
            row[value] = array
        return array


SCALARS = Scalars(unsigned_zero=False)
UNSIGNED_ZERO_SCALARS = Scalars(unsigned_zero=True)
