"""The shared kernels as the kit's subject."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dlf.conform import Skipped, Subject
from dlf.xp import kernels

__all__ = ["Shared"]


class Shared(Subject):
    """The kernels that every array library shares, over NumPy and straight from their table."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__("cpu", seed)
        quiet = np.errstate(all="ignore")
        self.shared = {name: quiet(kernel) for name, kernel in kernels(np).items()}

    def source(self, op: str) -> str:
        return "native" if op in self.shared else "missing"

    def kernel(self, op: str) -> Callable[..., Any]:
        if op not in self.shared:
            raise Skipped(op)
        return self.shared[op]
