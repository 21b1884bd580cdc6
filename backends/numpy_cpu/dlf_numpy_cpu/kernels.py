"""The table of the `cpu` device's kernels: `dlf.xp` over NumPy, overlaid by this backend's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dlf import xp
from dlf_numpy_cpu import (
    activation,
    contract,
    conv,
    cross_entropy,
    elementwise,
    loss,
    norm,
    pool,
    recurrent,
    reduce,
    scatter,
    softmax,
    steps,
    views,
)
from dlf_numpy_cpu.quiet import quiet

__all__ = ["kernels"]

# Kernels that compute nothing need no protection from warnings.
_MOVEMENT = frozenset(
    (
        "arange copy reshape permute broadcast_to slice slice_set concat take nonzero index_copy "
        "gather scatter"
    ).split()
)


def kernels() -> dict[str, Callable[..., Any]]:
    """Kernel by name."""
    table = {name: k if name in _MOVEMENT else quiet(k) for name, k in xp.kernels(np).items()}
    for own in (
        elementwise,
        reduce,
        contract,
        scatter,
        activation,
        softmax,
        norm,
        conv,
        cross_entropy,
        loss,
        pool,
        recurrent,
        views,
    ):
        table.update(own.kernels())
    table.update(steps.KERNELS)
    return table
