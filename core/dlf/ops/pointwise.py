"""Element-wise ops, each with its gradient beside it."""

from __future__ import annotations

import builtins
import math
from typing import Any

from .. import dtypes
from ..registry import Op, link, binary, composite, primitive, registry, settle, unary
from ..tensor import Tensor, wrap
from .creation import full, full_like, ones_like, zeros_like


def _zero(g: Tensor) -> Tensor:
    return zeros_like(g)


# ---------------------------------------------------------------------- one operand
neg = unary("neg", lambda g: -g)
_abs = unary("abs", lambda g, input: g * sign(input))
sign = unary("sign", _zero)
exp = unary("exp", lambda g, out: g * out, floating=True)
expm1 = unary("expm1", lambda g, out: g * (out + 1), floating=True)
log = unary("log", lambda g, input: g / input, floating=True)
log1p = unary("log1p", lambda g, input: g / (input + 1), floating=True)
sqrt = unary("sqrt", lambda g, out: g / (2 * out), floating=True)
sin = unary("sin", lambda g, input: g * cos(input), floating=True)
cos = unary("cos", lambda g, input: -g * sin(input), floating=True)
tanh = unary("tanh", lambda g, out: g * (1 - out * out), floating=True)
erf = unary(
    "erf", lambda g, input: g * exp(-input * input) * (2 / math.sqrt(math.pi)), floating=True
)
floor = unary("floor", _zero)
_round = unary("round", _zero)
logical_not = unary("logical_not", dtype=dtypes.bool)

# Ops that further libraries have as one kernel; all but the last group can be put together of
# others.
ceil = unary("ceil", _zero, decompose=lambda x: -floor(-x))
trunc = unary("trunc", _zero, decompose=lambda x: sign(x) * floor(abs(x)))
reciprocal = unary(
    "reciprocal", lambda g, out: -g * out * out, floating=True, decompose=lambda x: 1 / x
)
rsqrt = unary(
    "rsqrt",
    lambda g, out: g * -0.5 * out * out * out,
    floating=True,
    decompose=lambda x: 1 / sqrt(x),
)
square = unary("square", lambda g, input: g * (2 * input), decompose=lambda x: x * x)
exp2 = unary(
    "exp2",
    lambda g, out: g * out * math.log(2),
    floating=True,
    decompose=lambda x: exp(x * math.log(2)),
)
log2 = unary(
    "log2",
    lambda g, input: g / (input * math.log(2)),
    floating=True,
    decompose=lambda x: log(x) * (1 / math.log(2)),
)
log10 = unary(
    "log10",
    lambda g, input: g / (input * math.log(10)),
    floating=True,
    decompose=lambda x: log(x) * (1 / math.log(10)),
)
sinh = unary(
    "sinh",
    lambda g, input: g * cosh(input),
    floating=True,
    decompose=lambda x: (exp(x) - exp(-x)) * 0.5,
)
cosh = unary(
    "cosh",
    lambda g, input: g * sinh(input),
    floating=True,
    decompose=lambda x: (exp(x) + exp(-x)) * 0.5,
)
tan = unary(
    "tan", lambda g, out: g * (1 + out * out), floating=True, decompose=lambda x: sin(x) / cos(x)
)
asinh = unary(
    "asinh",
    lambda g, input: g * rsqrt(input * input + 1),
    floating=True,
    decompose=lambda x: sign(x) * log(abs(x) + sqrt(x * x + 1)),
)
acosh = unary(
    "acosh",
    lambda g, input: g * rsqrt(input * input - 1),
    floating=True,
    decompose=lambda x: log(x + sqrt(x * x - 1)),
)
atanh = unary(
    "atanh",
    lambda g, input: g / (1 - input * input),
    floating=True,
    decompose=lambda x: (log1p(x) - log1p(-x)) * 0.5,
)
isnan = unary("isnan", dtype=dtypes.bool, decompose=lambda x: x != x)
isinf = unary("isinf", dtype=dtypes.bool, decompose=lambda x: abs(x) == math.inf)
isfinite = unary("isfinite", dtype=dtypes.bool, decompose=lambda x: abs(x) < math.inf)
erfc = unary(
    "erfc",
    lambda g, input: g * exp(-input * input) * (-2 / math.sqrt(math.pi)),
    floating=True,
    decompose=lambda x: 1 - erf(x),
)

asin = unary("asin", lambda g, input: g * rsqrt(1 - input * input), floating=True)
acos = unary("acos", lambda g, input: -g * rsqrt(1 - input * input), floating=True)
atan = unary("atan", lambda g, input: g / (1 + input * input), floating=True)
lgamma = unary("lgamma", lambda g, input: g * digamma(input), floating=True)
digamma = unary("digamma", floating=True)
erfinv = unary(
    "erfinv", lambda g, out: g * exp(out * out) * (math.sqrt(math.pi) / 2), floating=True
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


def sinc(input: Tensor) -> Tensor:
    """sin(pi x) / (pi x), 1 at 0."""
    x = input * math.pi
    safe = where(input == 0, 1.0, x)
    return where(input == 0, 1.0, sin(safe) / safe)


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), with x clamped to [eps, 1 - eps]."""
    if eps is not None:
        input = clamp(input, eps, 1 - eps)
    return log(input / (1 - input))


# ---------------------------------------------------------------------- two operands
_add = binary("add", (lambda g: g, lambda g: g))
_sub = binary("sub", (lambda g: g, lambda g: -g))
mul = binary("mul", (lambda g, other: g * other, lambda g, input: g * input))
_div = binary(
    "div", (lambda g, other: g / other, lambda g, out, other: -g * out / other), floating=True
)
floordiv = binary("floordiv", (_zero, _zero))
remainder = binary("mod", (lambda g: g, lambda g, input, other: -g * floordiv(input, other)))


def _pow_base(g: Tensor, input: Tensor, other: Any) -> Tensor:
    if not isinstance(other, Tensor):
        return zeros_like(g) if other == 0 else g * (other * input ** (other - 1))
    return where(other == 0, 0.0, g * other * input ** (other - 1))


def _pow_exponent(g: Tensor, input: Any, other: Tensor, out: Tensor) -> Tensor:
    if not isinstance(input, Tensor):
        return zeros_like(g) if input == 0 else g * out * math.log(input)
    return where((input == 0) & (other >= 0), 0.0, g * out * log(input))


_pow = binary("pow", (_pow_base, _pow_exponent))


def pow(input: Any, exponent: Any) -> Tensor:
    """input ** exponent; RuntimeError for an integer to a negative integer power."""
    if (
        isinstance(exponent, int)
        and exponent < 0
        and getattr(input, "dtype", None) is not None
        and input.dtype.category < 2
    ):
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return _pow(input, exponent)


def _larger(g: Tensor, a: Any, b: Any) -> Tensor:
    return g * where(a == b, 0.5, (a > b).to(g.dtype))


maximum = binary(
    "maximum",
    ordered=True,
    vjps=(
        lambda g, input, other: _larger(g, input, other),
        lambda g, input, other: _larger(g, other, input),
    ),
)
minimum = binary(
    "minimum",
    ordered=True,
    vjps=(
        lambda g, input, other: _larger(g, other, input),
        lambda g, input, other: _larger(g, input, other),
    ),
)
atan2 = binary(
    "atan2",
    (
        lambda g, input, other: g * other / (input * input + other * other),
        lambda g, input, other: -g * input / (input * input + other * other),
    ),
    floating=True,
)
eq = binary("eq", dtype=dtypes.bool)
lt = binary("lt", ordered=True, dtype=dtypes.bool)
le = binary("le", ordered=True, dtype=dtypes.bool)
ne = binary("ne", dtype=dtypes.bool, decompose=lambda a, b: logical_not(eq(a, b)))
gt = binary(
    "gt",
    ordered=True,
    dtype=dtypes.bool,
    decompose=lambda a, b: lt(b, a) if isinstance(b, Tensor) else logical_not(le(a, b)) & eq(a, a),
)
ge = binary(
    "ge",
    ordered=True,
    dtype=dtypes.bool,
    decompose=lambda a, b: le(b, a) if isinstance(b, Tensor) else logical_not(lt(a, b)) & eq(a, a),
)
bitwise_and = binary("bit_and")
bitwise_or = binary("bit_or")
bitwise_xor = binary("bit_xor")
bitwise_left_shift = binary("shl")
bitwise_right_shift = binary("shr")
_where = primitive(
    "where",
    ("condition", "input", "other"),
    inputs=3,
    dtype=lambda c, a, b: a,
    vjp=(
        None,
        lambda g, condition: _where(condition, g, zeros_like(g)),
        lambda g, condition: _where(condition, zeros_like(g), g),
    ),
)


def _checked(value: Any, name: str) -> Any:
    if value is NotImplemented:
        raise TypeError(f"{name}(): expected tensors or Python numbers")
    return value


def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input + alpha * other."""
    return _checked(_add(input, other if alpha == 1 else other * alpha), "add")


def _no_bool(input: Any, other: Any) -> None:
    if any(isinstance(x, bool) or getattr(x, "dtype", None) is dtypes.bool for x in (input, other)):
        raise RuntimeError(
            "subtraction, the `-` operator, with a bool operand is not supported; use the `^` or "
            "`logical_xor()` operator, or `~` to invert a mask"
        )


def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input - alpha * other; RuntimeError for two bool operands."""
    _no_bool(input, other)
    return _checked(_sub(input, other if alpha == 1 else other * alpha), "sub")


def rsub(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha * input."""
    return sub(other, input, alpha=alpha)


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other: true division, or rounded to an integer with ``"floor"`` or ``"trunc"``."""
    if rounding_mode is None:
        return _checked(_div(input, other), "div")
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode != "trunc":
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"{rounding_mode!r}"
        )
    kind = dtypes.promote((input, other))
    if kind.is_floating_point:
        return trunc(_div(input, other))
    down = floordiv(input, other)
    return down + ((down < 0) & (down * other != input))


def floor_divide(input: Any, other: Any) -> Tensor:
    """input / other rounded down."""
    return _checked(floordiv(input, other), "floor_divide")


def fmod(input: Tensor, other: Any) -> Tensor:
    """The remainder with the sign of `input`, as C's fmod."""
    if dtypes.promote((input, other)).is_complex:
        raise NotImplementedError("fmod is not implemented for complex tensors")
    size = abs(other) if isinstance(other, Tensor) else builtins.abs(other)
    rest = remainder(abs(input), size)
    return where(input < 0, -rest, rest)


def float_power(input: Any, exponent: Any) -> Tensor:
    """input ** exponent in float64."""
    a = input.double() if isinstance(input, Tensor) else float(input)
    b = exponent.double() if isinstance(exponent, Tensor) else float(exponent)
    return pow(a, b)


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """`input` where `condition` holds, else `other` (tensors or numbers, promoted and broadcast).

    With the condition alone: its nonzero indices, a tuple with one tensor a dimension.
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if condition.dtype is not dtypes.bool:
        if condition.dtype is not dtypes.uint8:
            raise RuntimeError(
                "where expected condition to be a boolean tensor, but got a tensor with dtype "
                f"{condition.dtype}"
            )
        condition = condition.bool()
    pair = settle(_where.op, input, other, False)
    if pair is None:
        raise TypeError(
            f"where(): expected tensors or numbers, got {type(input).__name__} and "
            f"{type(other).__name__}"
        )
    kind = dtypes.promote((input, other))
    a, b = (
        x if isinstance(x, Tensor) else full((), x, dtype=kind, device=condition.device)
        for x in pair
    )
    if condition.ndim == 0 and condition.device is not a.device:
        condition = condition.to(a.device)
    return _where(condition, a, b)


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """`input` limited to [min, max]; either bound may be a number, a tensor or None."""
    if min is None and max is None:
        raise RuntimeError("clamp: at least one of 'min' or 'max' must not be None")
    if not isinstance(min, Tensor) and not isinstance(max, Tensor):
        if dtypes.promote([v for v in (input, min, max) if v is not None]) is not input.dtype:
            input = input.to(dtypes.promote([v for v in (input, min, max) if v is not None]))
        return _clamp(input, min, max)
    if min is not None:
        input = maximum(input, min)
    return input if max is None else minimum(input, max)


def _inside(g: Tensor, input: Tensor, low: Any, high: Any) -> Tensor:
    inside = None if low is None else input >= low
    if high is not None:
        inside = input <= high if inside is None else inside & (input <= high)
    return where(inside, g, 0.0)  # type: ignore[arg-type]


@composite(inputs=1, vjp=lambda g, input, low, high: _inside(g, input, low, high), name="clamp")
def _clamp(input: Tensor, low: Any, high: Any) -> Tensor:
    """`input` limited to [low, high], which are numbers or None."""
    if low is not None:
        input = maximum(input, low)
    return input if high is None else minimum(input, high)


def clamp_min(input: Tensor, min: Any) -> Tensor:
    """`input`, at least `min`."""
    return clamp(input, min=min)


def clamp_max(input: Tensor, max: Any) -> Tensor:
    """`input`, at most `max`."""
    return clamp(input, max=max)


def _truth(x: Any) -> Any:
    return x if getattr(x, "dtype", None) is dtypes.bool else x != 0


def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """Where both are not zero."""
    return _truth(input) & _truth(other)


def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """Where one is not zero."""
    return _truth(input) | _truth(other)


def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """Where exactly one is not zero."""
    return _truth(input) ^ _truth(other)


def bitwise_not(input: Tensor) -> Tensor:
    """Every bit inverted; logical not for bool."""
    if input.dtype.is_floating_point or input.dtype.is_complex:
        raise NotImplementedError(
            f"bitwise_not is not implemented for {input.dtype}; give an integer or bool tensor"
        )
    return logical_not(input) if input.dtype is dtypes.bool else -input - 1


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight * (end - input)."""
    return input + weight * (end - input)


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value * tensor1 * tensor2."""
    return input + tensor1 * tensor2 * value


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value * tensor1 / tensor2."""
    return input + tensor1 / tensor2 * value


def hypot(input: Tensor, other: Tensor) -> Tensor:
    """sqrt(input^2 + other^2)."""
    return sqrt(input * input + other * other)


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """log(exp(input) + exp(other)), without overflow."""
    top = maximum(input, other).detach()
    top = where(isfinite(top), top, 0.0)
    return log(exp(input - top) + exp(other - top)) + top


def xlogy(input: Any, other: Any) -> Tensor:
    """input * log(other), 0 where input is 0 (and other is not NaN)."""
    a = input if isinstance(input, Tensor) else full_like(other, input)
    b = other if isinstance(other, Tensor) else full_like(a, other)
    return where((a == 0) & ~isnan(b), 0.0, a * log(where(a == 0, 1.0, b)))


def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger, the one that is a number where the other is NaN."""
    return where((input >= other) | isnan(other), input, other)


def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller, the one that is a number where the other is NaN."""
    return where((input <= other) | isnan(other), input, other)


def copysign(input: Tensor, other: Any) -> Tensor:
    """The size of `input` with the sign of `other`."""
    negative = signbit(other) if isinstance(other, Tensor) else math.copysign(1.0, other) < 0
    size = abs(input)
    if isinstance(negative, bool):
        return -size if negative else size
    signed = where(negative, -size, size)
    # The second operand's gradient is zero, not absent.
    return signed if other._node is None else signed + nan_to_num(other, 0.0, 0.0, 0.0) * 0


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 below zero, 1 above, `values` at zero."""
    return where(input == 0, values, (input > 0).to(input.dtype))


def nan_to_num(
    input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """NaN replaced by `nan`, infinities by the dtype's limits or the given values."""
    if not input.dtype.is_floating_point:
        return input
    limits = dtypes.finfo(input.dtype)
    input = where(isnan(input), float(nan), input)
    input = where(isposinf(input), limits.max if posinf is None else float(posinf), input)
    return where(isneginf(input), limits.min if neginf is None else float(neginf), input)


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    """|input - other| <= atol + rtol * |other|, infinities equal to themselves."""
    if input.dtype is not other.dtype:
        raise RuntimeError(
            f"{input.dtype} did not match {other.dtype}; convert one with .to(dtype)"
        )
    close = eq(input, other)
    if input.dtype.is_floating_point:
        close = close | (
            isfinite(input) & isfinite(other) & (abs(input - other) <= atol + rtol * abs(other))
        )
        if equal_nan:
            close = close | (isnan(input) & isnan(other))
    else:
        close = close | (abs(input - other) <= atol + rtol * abs(other))
    return close


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether all elements are close, see `isclose`."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shapes and all elements are the same."""
    return input._data.shape == other._data.shape and bool(eq(input, other).all())


# ---------------------------------------------------------------------- dtype, device, copies
_cast = registry.add(
    Op(
        "cast",
        ("input", "dtype"),
        1,
        kind="primitive",
        vjp=lambda g, input_dtype: cast(g, input_dtype),
        doc="The values in another dtype.",
    )
)
_copy = registry.add(
    Op("copy", ("input",), 1, kind="primitive", vjp=(lambda g: g,), doc="The values in new memory.")
)
_move = registry.add(
    Op(
        "to_device",
        ("input", "target", "source"),
        1,
        kind="internal",
        vjp=lambda g, source: g.to(source),
        doc="The values on another device.",
    )
)


def cast(input: Tensor, dtype: dtypes.dtype) -> Tensor:
    """`input` in another dtype (itself if it has it)."""
    if input.dtype is dtype:
        return input
    out = wrap(input.device.table[_cast.slot](input._data, dtype), dtype, input.device)
    if input._node is not None:
        link(_cast, (input, dtype), out)
    return out


def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy in new memory, through which gradients flow."""
    out = wrap(input.device.table[_copy.slot](input._data), input.dtype, input.device)
    if input._node is not None:
        link(_copy, (input,), out)
    return out


def move(input: Tensor, device: Any) -> Tensor:
    """`input` on another device (itself if it is there)."""
    from ..devices import resolve

    target = resolve(device)
    source = input.device
    if target is source:
        return input
    host = source.backend.to_host(input._data)
    if source.type == "cpu":
        host = host.copy()  # the target may keep the host array it is given
    out = wrap(target.put(host, input.dtype), input.dtype, target)
    if input._node is not None:
        link(_move, (input, target, source), out)
    return out
