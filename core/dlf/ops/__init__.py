"""All ops: one declaration each, with its gradient beside it. Importing this registers them."""

from __future__ import annotations

from . import (  # order of slots
    activation,
    contract,
    creation,
    indexing,
    linear,
    movement,
    pointwise,
    randoms,
    reduce,
    softmax,
)

__all__ = [
    "activation",
    "contract",
    "creation",
    "indexing",
    "linear",
    "movement",
    "pointwise",
    "randoms",
    "reduce",
    "softmax",
]
