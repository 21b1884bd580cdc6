"""The kernel contract, written once over an array namespace.

`kernels(xp)` gives every primitive of the contract as plain functions over arrays of `xp`: NumPy,
a library with NumPy's functions, or one with those of the array API standard, whether or not its
arrays can be written to. What differs between them is in `Library`. A backend takes the whole table
and replaces what its library does faster:

>>> import numpy as np
>>> from dlf.xp import kernels
>>> kernels(np)["sum"](np.ones((2, 3)), (0,), False)
array([2., 2., 2.])
"""

from __future__ import annotations

from typing import Any

from dlf.xp import binary, contract, data, movement, reduce, scan, scatter, special, unary
from dlf.xp.common import Kernel
from dlf.xp.empty import guards
from dlf.xp.namespace import Library
from dlf.xp.namespace import library as as_library
from dlf.xp.needs import missing

__all__ = ["Kernel", "Library", "kernels"]

_GROUPS = (data, movement, scatter, unary, special, binary, reduce, scan, contract)


def kernels(xp: Any) -> dict[str, Kernel]:
    """The kernels of the contract over the array namespace or `Library` `xp`, by name.

    A kernel whose functions the namespace does not have is left out; `dlf.xp.needs` has them all.
    Kernels take arrays of `xp` and plain Python values, never change their inputs and always return
    arrays (0-d arrays, not scalars). float16 and bfloat16 are computed in float32 and rounded once.
    """
    lib, table = as_library(xp), dict[str, Kernel]()
    for group in _GROUPS:
        table.update(group.kernels(lib))
    table = {name: kernel for name, kernel in table.items() if not missing(lib, name)}
    if not lib.numpy_like:
        for name, guard in guards(lib).items():
            if name in table:
                table[name] = guard(table[name])
    return table
