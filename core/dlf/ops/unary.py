"""Element-wise ops of one operand, each with its gradient beside it."""

from __future__ import annotations

import builtins
import math

from .. import dtypes
from ..registry import unary
from ..tensor import Tensor
from .creation import ones_like, zeros_like


def zero_gradient(g: Tensor) -> Tensor:
    return zeros_like(g)


def _asinh(x: Tensor) -> Tensor:
    # log(a + sqrt(a * a + 1)), written so that neither small nor infinite values are lost.
    a, b = abs(x), reciprocal(abs(x))
    return sign(x) * log1p(a + a / (b + sqrt(1 + b * b)))


neg = unary("neg", lambda g: -g, doc="-x.")
_abs = unary("abs", lambda g, input: g * sign(input), doc="The absolute value.")
sign = unary("sign", zero_gradient, doc="-1, 0 or 1 by the sign; 0 for NaN.")
exp = unary("exp", lambda g, out: g * out, floating=True, doc="e to the power of x.")
expm1 = unary(
    "expm1", lambda g, out: g * (out + 1), floating=True, doc="exp(x) - 1, accurate near 0."
)
log = unary("log", lambda g, input: g / input, floating=True, doc="The natural logarithm.")
log1p = unary(
    "log1p", lambda g, input: g / (input + 1), floating=True, doc="log(1 + x), accurate near 0."
)
sqrt = unary("sqrt", lambda g, out: g / (2 * out), floating=True, doc="The square root.")
sin = unary(
    "sin", lambda g, input: g * cos(input), floating=True, doc="The sine of an angle in radians."
)
cos = unary(
    "cos", lambda g, input: -g * sin(input), floating=True, doc="The cosine of an angle in radians."
)
tanh = unary(
    "tanh", lambda g, out: g * (1 - out * out), floating=True, doc="The hyperbolic tangent."
)
erf = unary(
    "erf",
    lambda g, input: g * exp(-input * input) * (2 / math.sqrt(math.pi)),
    floating=True,
    doc="The error function: 2 / sqrt(pi) times the integral of exp(-t * t) from 0 to x.",
)
floor = unary(
    "floor", zero_gradient, doc="The largest whole number that is not greater; integers stay."
)
_round = unary(
    "round", zero_gradient, doc="The nearest whole number, halves to the even one; integers stay."
)
logical_not = unary("logical_not", dtype=dtypes.bool, doc="Whether the value is 0, as bool.")
# Ops that further libraries have as one kernel; all but the last group can be put together of
# others.
ceil = unary(
    "ceil",
    zero_gradient,
    decompose=lambda x: -floor(-x),
    doc="The smallest whole number that is not less.",
)
trunc = unary(
    "trunc",
    zero_gradient,
    decompose=lambda x: sign(x) * floor(abs(x)),
    doc="The whole number towards 0.",
)
reciprocal = unary(
    "reciprocal",
    lambda g, out: -g * out * out,
    floating=True,
    decompose=lambda x: 1 / x,
    doc="1 / x.",
)
rsqrt = unary(
    "rsqrt",
    lambda g, out: g * -0.5 * out * out * out,
    floating=True,
    decompose=lambda x: 1 / sqrt(x),
    doc="1 / sqrt(x).",
)
square = unary("square", lambda g, input: g * (2 * input), decompose=lambda x: x * x, doc="x * x.")
exp2 = unary(
    "exp2",
    lambda g, out: g * out * math.log(2),
    floating=True,
    decompose=lambda x: exp(x * math.log(2)),
    doc="2 to the power of x.",
)
log2 = unary(
    "log2",
    lambda g, input: g / (input * math.log(2)),
    floating=True,
    decompose=lambda x: log(x) * (1 / math.log(2)),
    doc="The logarithm to base 2.",
)
log10 = unary(
    "log10",
    lambda g, input: g / (input * math.log(10)),
    floating=True,
    decompose=lambda x: log(x) * (1 / math.log(10)),
    doc="The logarithm to base 10.",
)
sinh = unary(
    "sinh",
    lambda g, input: g * cosh(input),
    floating=True,
    decompose=lambda x: (expm1(x) - expm1(-x)) * 0.5,
    doc="The hyperbolic sine.",
)
cosh = unary(
    "cosh",
    lambda g, input: g * sinh(input),
    floating=True,
    decompose=lambda x: (exp(x) + exp(-x)) * 0.5,
    doc="The hyperbolic cosine.",
)
tan = unary(
    "tan",
    lambda g, out: g * (1 + out * out),
    floating=True,
    decompose=lambda x: sin(x) / cos(x),
    doc="The tangent of an angle in radians.",
)
asinh = unary(
    "asinh",
    lambda g, input: g * rsqrt(input * input + 1),
    floating=True,
    decompose=lambda x: _asinh(x),
    doc="The inverse hyperbolic sine.",
)
acosh = unary(
    "acosh",
    lambda g, input: g * rsqrt(input * input - 1),
    floating=True,
    decompose=lambda x: log(x + sqrt(x * x - 1)),
    doc="The inverse hyperbolic cosine; NaN below 1.",
)
atanh = unary(
    "atanh",
    lambda g, input: g / (1 - input * input),
    floating=True,
    decompose=lambda x: (log1p(x) - log1p(-x)) * 0.5,
    doc="The inverse hyperbolic tangent; NaN outside [-1, 1].",
)
isnan = unary(
    "isnan", dtype=dtypes.bool, decompose=lambda x: x != x, doc="Whether the value is NaN."
)
isinf = unary(
    "isinf",
    dtype=dtypes.bool,
    decompose=lambda x: abs(x) == math.inf,
    doc="Whether the value is an infinity.",
)
isfinite = unary(
    "isfinite",
    dtype=dtypes.bool,
    decompose=lambda x: abs(x) < math.inf,
    doc="Whether the value is neither infinite nor NaN.",
)
erfc = unary(
    "erfc",
    lambda g, input: g * exp(-input * input) * (-2 / math.sqrt(math.pi)),
    floating=True,
    decompose=lambda x: 1 - erf(x),
    doc="1 - erf(x).",
)
asin = unary(
    "asin",
    lambda g, input: g * rsqrt(1 - input * input),
    floating=True,
    doc="The angle in radians whose sine is x; NaN outside [-1, 1].",
)
acos = unary(
    "acos",
    lambda g, input: -g * rsqrt(1 - input * input),
    floating=True,
    doc="The angle in radians whose cosine is x; NaN outside [-1, 1].",
)
atan = unary(
    "atan",
    lambda g, input: g / (1 + input * input),
    floating=True,
    doc="The angle in radians whose tangent is x.",
)
lgamma = unary(
    "lgamma",
    lambda g, input: g * digamma(input),
    floating=True,
    doc="The logarithm of the gamma function's absolute value.",
)
digamma = unary("digamma", floating=True, doc="The derivative of `lgamma`.")
erfinv = unary(
    "erfinv",
    lambda g, out: g * exp(out * out) * (math.sqrt(math.pi) / 2),
    floating=True,
    doc="The inverse of `erf`; NaN outside [-1, 1].",
)


def abs(input: Tensor) -> Tensor:
    """The absolute value; real for complex tensors."""
    out = _abs(input)
    if out.dtype.is_complex:
        out.dtype = out.dtype.to_real()
    return out


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest whole number (ties to even), or the nearest multiple of ``10 ** -decimals``."""
    if decimals == 0:
        return _round(input)
    scale = 10.0 ** builtins.abs(decimals)
    return _round(input * scale) / scale if decimals > 0 else _round(input / scale) * scale


def positive(input: Tensor) -> Tensor:
    """`input` itself; RuntimeError for bool."""
    if input.dtype is dtypes.bool:
        raise RuntimeError("positive is not implemented for bool tensors")
    return input


def frac(input: Tensor) -> Tensor:
    """The fractional part, with `input`'s sign."""
    return input - trunc(input)


def sgn(input: Tensor) -> Tensor:
    """The sign."""
    return sign(input)


def signbit(input: Tensor) -> Tensor:
    """Whether the sign bit is set, that of -0.0 too."""
    if not input.dtype.is_floating_point:
        return input < 0
    return (input < 0) | ((input == 0) & (reciprocal(input) < 0))


def isposinf(input: Tensor) -> Tensor:
    """Where the value is +inf."""
    return input == math.inf


def isneginf(input: Tensor) -> Tensor:
    """Where the value is -inf."""
    return input == -math.inf


def isreal(input: Tensor) -> Tensor:
    """Where the value is real."""
    return ones_like(input, dtype=dtypes.bool)


def deg2rad(input: Tensor) -> Tensor:
    """Degrees to radians."""
    return input * (math.pi / 180)


def rad2deg(input: Tensor) -> Tensor:
    """Radians to degrees."""
    return input * (180 / math.pi)
