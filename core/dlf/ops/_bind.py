"""Gives Tensor its methods: the ops by name, operators, aliases and in-place forms."""

from __future__ import annotations

from typing import Any

from ..inplace import inplace
from ..tensor import Tensor
from . import (
    activation,
    binary,
    clamp,
    contract,
    conversion,
    copying,
    creation,
    diagonals,
    elementwise,
    filling,
    gathering,
    joining,
    moments,
    movement,
    operators,
    ordering,
    randoms,
    reduce,
    scan,
    slicing,
    softmax,
    splitting,
    unary,
    unfold,
)
from .method_names import ALIASES, INPLACE, METHODS
from .where import where

__all__ = ["bind", "log_softmax", "softmax_along"]

_MODULES = (
    binary,
    clamp,
    contract,
    copying,
    creation,
    diagonals,
    elementwise,
    gathering,
    joining,
    moments,
    movement,
    ordering,
    reduce,
    scan,
    slicing,
    splitting,
    unary,
    unfold,
)


def bind() -> None:
    """Attach every method; run once, when dlf is imported."""
    T: Any = Tensor
    # A module may import another's function: the one that defines it is the one that counts.
    functions = {n: f for module in _MODULES for n, f in vars(module).items() if callable(f)}
    for name in METHODS:
        setattr(T, name, functions[name])
    T.softmax, T.log_softmax = softmax_along, log_softmax
    T.relu, T.sigmoid = activation.relu, activation.sigmoid
    T.where = lambda self, condition, other: where(condition, self, other)
    for name in INPLACE:
        setattr(T, name + "_", inplace(getattr(T, name), name + "_"))
    for alias, name in ALIASES.items():
        setattr(T, alias, getattr(T, name))
        if hasattr(T, name + "_"):
            setattr(T, alias + "_", getattr(T, name + "_"))
    for methods in (conversion.METHODS, filling.METHODS, randoms.BINDINGS, operators.OPERATORS):
        for name, method in methods.items():
            setattr(T, name, method)
    for name, method in operators.INPLACE.items():
        setattr(T, f"__i{name}__", operators.inplace_operator(getattr(T, method)))
    T.T = property(lambda self: movement.permute(self, list(range(self.ndim))[::-1]))
    T.mT = T.mH = property(lambda self: movement.transpose(self, -1, -2))
    T.H = property(lambda self: movement.t(self))


def softmax_along(self: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """exp(x) / sum(exp(x)) along `dim`."""
    x = self if dtype is None else self.to(dtype)
    return softmax.softmax(x, movement.dim_of(dim, x.ndim))


def log_softmax(self: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """log(softmax(x)) along `dim`."""
    x = self if dtype is None else self.to(dtype)
    return softmax.log_softmax(x, movement.dim_of(dim, x.ndim))
