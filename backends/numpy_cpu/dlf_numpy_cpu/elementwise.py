"""Elementwise kernels with as little as possible between the caller and NumPy's own loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dlf.xp import binary
from dlf.xp.common import is_low
from dlf_numpy_cpu.lowprec import rounded
from dlf_numpy_cpu.quiet import SILENCE, quiet, silent
from dlf_numpy_cpu.scalars import SCALARS, UNSIGNED_ZERO_SCALARS, Scalars, scalar

__all__ = ["kernels", "relu", "where"]

Array = npt.NDArray[Any]
Kernel = Callable[..., Any]

_ARITHMETIC: dict[str, np.ufunc] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
}
_COMPARISON: dict[str, np.ufunc] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "bit_and": np.bitwise_and,
    "bit_or": np.bitwise_or,
    "bit_xor": np.bitwise_xor,
    "shl": np.left_shift,
    "shr": np.right_shift,
}
_UNARY: dict[str, np.ufunc] = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "neg": np.negative,
    "logical_not": np.logical_not,
}
_ROW = 4096


def _binary(ufunc: np.ufunc, scalars: Scalars, widen: bool) -> Kernel:
    """`ufunc` over two arrays, or an array and a Python scalar.

    Two 16-bit arrays go to NumPy's and ml_dtypes' own loops, which compute in float32 and round
    once; with `widen`, a Python scalar beside one is held in float32, as PyTorch holds it.
    """
    ndarray = np.ndarray
    # One for all threads: looking up the thread's own costs as much as entering the context.
    run = silent()
    calm = quiet(ufunc)

    def unusual(a: Any, b: Any) -> Array:
        array, value = (a, b) if isinstance(a, ndarray) else (b, a)
        if isinstance(value, ndarray):
            return np.asarray(calm(a, b))
        dtype = array.dtype
        if widen and is_low(array):
            array, value = array.astype(np.float32), scalar(value, np.dtype(np.float32))
        else:
            value = scalars.get(dtype, {}).get(value)
            if value is None:
                value = scalars.make(b if isinstance(a, ndarray) else a, dtype)
        result = np.asarray(calm(array, value) if isinstance(a, ndarray) else calm(value, array))
        return rounded(result, dtype) if result.dtype != dtype and widen else result

    def kernel(a: Any, b: Any) -> Any:
        try:
            if b.__class__ is ndarray:
                if a.__class__ is ndarray:
                    return run(ufunc, a, b, out=...)
                return run(ufunc, scalars[b.dtype][a], b, out=...)
            return run(ufunc, a, scalars[a.dtype][b], out=...)
        except (KeyError, RuntimeError):
            # A scalar that is not kept yet, or a kernel within a kernel or beside another thread's.
            return unusual(a, b)

    return kernel


def _unary(ufunc: np.ufunc) -> Kernel:
    """`ufunc`, for 16-bit floats by the loops of NumPy and ml_dtypes, which round once."""
    silence = SILENCE
    calm = quiet(ufunc)

    def kernel(a: Array) -> Any:
        try:
            return silence.run(ufunc, a, out=...)
        except RuntimeError:
            return np.asarray(calm(a))

    return kernel


def _extremum(ufunc: np.ufunc) -> Kernel:
    """maximum or minimum; NumPy's loop is three times slower beside a value than beside a row."""
    plain = _binary(ufunc, UNSIGNED_ZERO_SCALARS, widen=False)

    def kernel(a: Any, b: Any) -> Any:
        if not (isinstance(a, np.ndarray) and a.size > _ROW and a.flags.c_contiguous):
            return plain(a, b)
        if isinstance(b, np.ndarray):
            if b.size != 1 or b.ndim > a.ndim:
                return plain(a, b)
            value = b.reshape(())
        else:
            value = scalar(b, a.dtype)
        row = np.full(_ROW, value)
        flat, out = a.reshape(-1), np.empty(a.shape, a.dtype)
        whole = flat.size - flat.size % _ROW
        into = out.reshape(-1)
        ufunc(flat[:whole].reshape(-1, _ROW), row, out=into[:whole].reshape(-1, _ROW))
        ufunc(flat[whole:], row[: flat.size - whole], out=into[whole:])
        return out

    return kernel


_maximum = _extremum(np.maximum)


def relu(a: Array) -> Any:
    """max(a, 0), NaN kept."""
    return _maximum(a, 0)


def _power() -> Kernel:
    """pow, by products for the usual exponents."""
    general = quiet(binary.kernels(np)["pow"])
    usual: dict[float, Kernel] = {
        1: np.copy,
        2: np.square,
        3: lambda a: a * a * a,
        -1: np.reciprocal,
    }
    calm = quiet(lambda a, exponent: np.asarray(usual[exponent](a)))

    def kernel(a: Any, b: Any) -> Any:
        if isinstance(b, float | int) and b in usual and a.dtype.char in "fd":
            return calm(a, b)
        return general(a, b)

    return kernel


def where(condition: Array, a: Any, b: Any) -> Array:
    """`a` where the condition holds, else `b`; either may be a Python scalar.

    Large arrays are chosen from by their bits: NumPy's `where` branches on every element, which on
    a random condition costs ten times as much.
    """
    if not isinstance(a, np.ndarray):
        a = scalar(a, b.dtype)
    elif not isinstance(b, np.ndarray):
        b = scalar(b, a.dtype)
    if condition.size <= _ROW or a.dtype.itemsize > 8:
        return np.asarray(np.where(condition, a, b))
    bits = np.dtype(f"i{a.dtype.itemsize}")
    mask = (-condition.view(np.int8)).astype(bits)
    other = b.view(bits)
    chosen = np.bitwise_xor(a.view(bits), other) & mask
    return np.asarray(chosen ^ other).view(a.dtype)


def kernels() -> dict[str, Kernel]:
    """Kernel by name."""
    table: dict[str, Kernel] = {
        "relu": relu,
        "where": where,
        "pow": _power(),
        "maximum": _maximum,
        "minimum": _extremum(np.minimum),
    }
    for name, ufunc in _ARITHMETIC.items():
        table[name] = _binary(ufunc, SCALARS, widen=True)
    for name, ufunc in _COMPARISON.items():
        table[name] = _binary(ufunc, UNSIGNED_ZERO_SCALARS, widen=False)
    for name, ufunc in _UNARY.items():
        table[name] = _unary(ufunc)
    return table
