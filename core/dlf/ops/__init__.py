"""All ops: one declaration each, with its gradient beside it. Importing this registers them."""

from __future__ import annotations

from . import (  # order of slots
    activation,
    binary,
    clamp,
    contract,
    copying,
    creation,
    elementwise,
    indexing,
    linear,
    movement,
    randoms,
    reduce,
    softmax,
    unary,
    where,
)

__all__ = [
    "activation",
    "binary",
    "clamp",
    "contract",
    "copying",
    "creation",
    "elementwise",
    "indexing",
    "linear",
    "movement",
    "randoms",
    "reduce",
    "softmax",
    "unary",
    "where",
]
