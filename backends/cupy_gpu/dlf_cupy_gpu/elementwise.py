"""Element-wise kernels and sums in fewer launches than `dlf.xp`'s, or without its waiting.

CuPy's functions take a `dtype` to compute in and an `out` of another one, and cast within their
kernel. So float16 and bfloat16 are computed in float32 and rounded once in one launch, where
`dlf.xp` takes one for each cast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ml_dtypes
import numpy as np

from dlf_cupy_gpu import lazy

__all__ = ["kernels"]

Array = Any
Kernel = Callable[..., Any]
Table = Mapping[str, Kernel]

_FLOAT32 = np.dtype(np.float32)
_BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
_LOW = frozenset({np.dtype(np.float16), _BFLOAT16})

# Kernel -> CuPy's name for it.
_UNARY = {
    "exp": "exp",
    "expm1": "expm1",
    "log": "log",
    "log1p": "log1p",
    "log2": "log2",
    "log10": "log10",
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
    "exp2": "exp2",
    "square": "square",
    "reciprocal": "reciprocal",
}
_BINARY = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "div": "true_divide",
}
# A number beside a 16-bit array is rounded to its dtype first, but in those above.
_ROUNDING = {"atan2": "arctan2", "maximum": "maximum", "minimum": "minimum"}
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")


def kernels(base: Table) -> dict[str, Kernel]:
    """Kernel by name; `base` are those of `dlf.xp` over CuPy, which do the rest."""
    cupy = lazy.cupy()
    table: dict[str, Kernel] = {}
    for name, source in _UNARY.items():
        table[name] = _low(getattr(cupy, source), base[name])
    for name, source in _BINARY.items():
        table[name] = _low_of_two(getattr(cupy, source), base[name], rounds_numbers=False)
    for name, source in _ROUNDING.items():
        table[name] = _low_of_two(getattr(cupy, source), base[name], rounds_numbers=True)
    for name in _COMPARISONS:
        table[name] = _compared(base[name])
    maximum = table["maximum"]
    table["relu"] = lambda a: maximum(a, 0)
    return table | _special(base) | _arithmetic(base) | _sums(base)


def _low(function: Kernel, base: Kernel) -> Kernel:
    """`function` for 16-bit floats, `base` for the rest."""
    empty_like = lazy.cupy().empty_like

    def kernel(a: Array) -> Array:
        if a.dtype in _LOW:
            return function(a, out=empty_like(a), dtype=_FLOAT32, casting="unsafe")
        return base(a)

    return kernel


def _low_of_two(function: Kernel, base: Kernel, rounds_numbers: bool) -> Kernel:
    """The same of two operands; a Python number beside a 16-bit array stays in float32, unless it
    `rounds_numbers` to the array's dtype.
    """
    empty = lazy.cupy().empty

    def kernel(a: Any, b: Any) -> Array:
        if not hasattr(b, "dtype"):
            dtype, shape = a.dtype, a.shape
            if rounds_numbers and dtype in _LOW:
                b = _rounded(b, dtype)
        elif not hasattr(a, "dtype"):
            dtype, shape = b.dtype, b.shape
            if rounds_numbers and dtype in _LOW:
                a = _rounded(a, dtype)
        else:
            dtype, shape = a.dtype, a.shape
            if shape != b.shape and dtype in _LOW:
                shape = np.broadcast_shapes(shape, b.shape)
        if dtype in _LOW:
            out = empty(shape, dtype)
            return function(a, b, out=out, dtype=_FLOAT32, casting="unsafe")
        return base(a, b)

    return kernel


def _compared(base: Kernel) -> Kernel:
    """A comparison in which a number beside a bfloat16 array, which CuPy compares in float32, has
    been rounded.
    """

    def kernel(a: Any, b: Any) -> Array:
        if not hasattr(b, "dtype"):
            b = _rounded(b, a.dtype) if a.dtype == _BFLOAT16 else b
        elif not hasattr(a, "dtype") and b.dtype == _BFLOAT16:
            a = _rounded(a, b.dtype)
        return base(a, b)

    return kernel


def _rounded(value: Any, dtype: Any) -> float:
    with np.errstate(all="ignore"):
        return float(dtype.type(value))


def _special(base: Table) -> dict[str, Kernel]:
    """Functions that `dlf.xp` composes, and CuPy has."""
    special = lazy.cupyx("scipy.special")
    rsqrt = lazy.cupyx().rsqrt
    wide = (np.dtype(np.float64), _FLOAT32)

    def own(function: Kernel, rest: Kernel) -> Kernel:
        low = _low(function, rest)

        def kernel(a: Array) -> Array:
            return function(a) if a.dtype in wide else low(a)

        return kernel

    return {
        "erf": own(special.erf, base["erf"]),
        "erfinv": own(special.erfinv, base["erfinv"]),
        "sigmoid": own(special.expit, base["sigmoid"]),
        "rsqrt": own(rsqrt, base["rsqrt"]),
    }


def _arithmetic(base: Table) -> dict[str, Kernel]:
    """Division and powers without a look at the divisor or the exponent, and `where` of bfloat16.

    A whole number divided by 0 is no error, as everywhere on a card: its value means nothing.
    """
    cupy = lazy.cupy()

    def of_integers(function: Kernel, floats: Kernel) -> Kernel:
        def kernel(a: Any, b: Any) -> Array:
            dtype = (a if hasattr(a, "dtype") else b).dtype
            if dtype.kind not in "biu":
                return floats(a, b)
            return function(_constant(a, dtype), _constant(b, dtype))

        return kernel

    def wide(function: Kernel) -> Kernel:
        def kernel(a: Any, b: Any) -> Array:
            dtype = (a if hasattr(a, "dtype") else b).dtype
            if dtype not in _LOW:
                return function(_constant(a, dtype), _constant(b, dtype))
            a, b = (_constant(x, dtype).astype(_FLOAT32) for x in (a, b))
            return function(a, b).astype(dtype)

        return kernel

    def mod(a: Array, b: Array) -> Array:
        # CuPy's own is a - floor(a / b) * b, which loses all digits of large quotients.
        rest = cupy.fmod(a, b)
        other = (rest != 0) & ((rest < 0) != (b < 0))
        # A remainder of 0 has the divisor's sign.
        return cupy.where(other, rest + b, cupy.where(rest == 0, cupy.copysign(rest, b), rest))

    def floordiv(a: Array, b: Array) -> Array:
        plain, rest = cupy.true_divide(a, b), cupy.fmod(a, b)
        whole = cupy.true_divide(a - rest, b)
        whole = cupy.where((rest != 0) & ((rest < 0) != (b < 0)), whole - 1, whole)
        # Division rounds: a whole number may have come out a little below itself.
        down = cupy.floor(whole)
        near = cupy.where(whole - down > 0.5, down + 1, down)
        near = cupy.where(whole == 0, cupy.copysign(cupy.zeros_like(plain), plain), near)
        return cupy.where(b == 0, plain, near)

    def power(a: Any, b: Any) -> Array:
        dtype = (a if hasattr(a, "dtype") else b).dtype
        if dtype.kind != "i" or (not hasattr(b, "dtype") and b >= 0):
            return base["pow"](a, b)
        a, b = _constant(a, dtype), _constant(b, dtype)
        # 1 / n truncates to 0, but for n = 1 and n = -1.
        raised = cupy.power(a, cupy.absolute(b))
        return cupy.where((b >= 0) | (a == 1) | (a == -1), raised, cupy.zeros_like(raised))

    def where(condition: Array, a: Any, b: Any) -> Array:
        dtype = (a if hasattr(a, "dtype") else b).dtype
        if dtype != _BFLOAT16:
            return base["where"](condition, a, b)
        # CuPy's where has no bfloat16: its bits are chosen.
        a, b = (_constant(x, dtype).view(np.uint16) for x in (a, b))
        return cupy.where(condition, a, b).view(dtype)

    return {
        "floordiv": of_integers(cupy.floor_divide, wide(floordiv)),
        "mod": of_integers(cupy.remainder, wide(mod)),
        "pow": power,
        "where": where,
    }


def _sums(base: Table) -> dict[str, Kernel]:
    cupy = lazy.cupy()

    def low(function: Kernel, rest: Kernel) -> Kernel:
        def kernel(a: Array, dims: tuple[int, ...], keepdim: bool) -> Array:
            if dims and a.dtype in _LOW:
                wide = function(a, axis=dims, dtype=_FLOAT32, keepdims=keepdim)
                return wide.astype(a.dtype)
            return rest(a, dims, keepdim)

        return kernel

    return {"sum": low(cupy.sum, base["sum"]), "prod": low(cupy.prod, base["prod"])}


def _constant(value: Any, dtype: Any) -> Array:
    """`value`, an array or a Python number, as an array of `dtype`, filled on the card."""
    if hasattr(value, "dtype"):
        return value
    if dtype.kind in "iu":
        from dlf.dtypes import from_numpy
        from dlf.xp.namespace import wrap_integer

        value = wrap_integer(int(value), from_numpy(dtype))
    return lazy.cupy().full((), value, dtype=dtype)
