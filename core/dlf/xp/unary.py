"""Elementwise kernels of one array."""

from __future__ import annotations

from typing import Any

from dlf.xp.common import Array, Kernel, accurate, wrapped

__all__ = ["kernels"]

# Name in the contract -> name in the namespace, for functions that round their result.
_ROUNDED = {
    "exp": "exp",
    "expm1": "expm1",
    "log": "log",
    "log1p": "log1p",
    "log2": "log2",
    "log10": "log10",
    "exp2": "exp2",
    "sqrt": "sqrt",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
}
_EXACT = {
    "neg": "negative",
    "logical_not": "logical_not",
    "isnan": "isnan",
    "isinf": "isinf",
    "isfinite": "isfinite",
}
# Integers and bools pass through these unchanged.
_TO_INTEGRAL = {"floor": "floor", "ceil": "ceil", "trunc": "trunc", "round": "rint"}


def kernels(xp: Any) -> dict[str, Kernel]:
    """NaN and infinity follow IEEE 754; `round` rounds halves to even."""

    def integral(function: Kernel) -> Kernel:
        def kernel(a: Array) -> Array:
            return a.copy() if a.dtype.kind in "biu" else xp.asarray(function(a))

        return kernel

    def absolute(a: Array) -> Array:
        return a.copy() if a.dtype.kind in "bu" else xp.asarray(xp.absolute(a))

    def sign(a: Array) -> Array:
        if a.dtype.kind == "b":
            return a.copy()
        if a.dtype.kind == "u":
            return xp.asarray(a != 0).astype(a.dtype)
        if a.dtype.kind == "c":
            return xp.asarray(xp.sign(a))
        # Unlike NumPy's, PyTorch's sign of NaN is 0.
        above, below = xp.asarray(a > 0), xp.asarray(a < 0)
        return (
            above.astype(a.dtype) - below.astype(a.dtype)
            if a.ndim
            else sign(a.reshape(1)).reshape(())
        )

    def reciprocal(a: Array) -> Array:
        return xp.divide(a.dtype.type(1), a)

    def rsqrt(a: Array) -> Array:
        return xp.divide(a.dtype.type(1), xp.sqrt(a))

    def sigmoid(a: Array) -> Array:
        one = a.dtype.type(1)
        return one / (one + xp.exp(-a))

    def relu(a: Array) -> Array:
        return xp.maximum(a, xp.zeros((), a.dtype))

    table: dict[str, Kernel] = {"abs": absolute, "sign": sign, "relu": wrapped(xp, relu)}
    for name, source in _ROUNDED.items():
        table[name] = accurate(xp, getattr(xp, source))
    for name, source in _EXACT.items():
        table[name] = wrapped(xp, getattr(xp, source))
    for name, source in _TO_INTEGRAL.items():
        table[name] = integral(getattr(xp, source))
    for rounded in (reciprocal, rsqrt, sigmoid):
        table[rounded.__name__] = accurate(xp, rounded)
    table["square"] = accurate(xp, lambda a: xp.multiply(a, a))
    return table
