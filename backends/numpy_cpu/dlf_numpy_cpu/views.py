"""Views that NumPy has and the contract's four movement kernels do not give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["kernels"]

Array = npt.NDArray[Any]


def diagonal(a: Array, offset: int, dim1: int, dim2: int) -> Array:
    """The diagonals of the planes of `dim1` and `dim2`, writable where `a` is."""
    view = np.diagonal(a, offset, dim1, dim2)
    if a.flags.writeable:
        view.setflags(write=True)
    return view


def kernels() -> dict[str, Callable[..., Any]]:
    """Kernel by name."""
    return {"diagonal": diagonal}
