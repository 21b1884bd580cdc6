"""Element-wise ops of two operands, each with its gradient beside it, and their functions."""

from __future__ import annotations

import builtins
import math
from typing import Any

from .. import dtypes
from ..registry import binary
from ..tensor import Tensor
from .creation import zeros_like
from .unary import abs, log, logical_not, trunc, zero_gradient
from .where import where

add_op = binary("add", (lambda g: g, lambda g: g), doc="a + b; integers wrap around.")
sub_op = binary("sub", (lambda g: g, lambda g: -g), doc="a - b; integers wrap around.")
mul = binary(
    "mul",
    (lambda g, other: g * other, lambda g, input: g * input),
    doc="a * b; integers wrap around.",
)
div_op = binary(
    "div",
    (lambda g, other: g / other, lambda g, out, other: -g * out / other),
    floating=True,
    doc="a / b of floating-point or complex operands.",
)
floordiv = binary("floordiv", (zero_gradient, zero_gradient), doc="a / b rounded down.")
remainder = binary(
    "mod",
    (lambda g: g, lambda g, input, other: -g * floordiv(input, other)),
    doc="a - b * floor(a / b): the remainder, with the sign of b.",
)


def _pow_base(g: Tensor, input: Tensor, other: Any) -> Tensor:
    if not isinstance(other, Tensor):
        return zeros_like(g) if other == 0 else g * (other * input ** (other - 1))
    return where(other == 0, 0.0, g * other * input ** (other - 1))


def _pow_exponent(g: Tensor, input: Any, other: Tensor, out: Tensor) -> Tensor:
    if not isinstance(input, Tensor):
        return zeros_like(g) if input == 0 else g * out * math.log(input)
    return where((input == 0) & (other >= 0), 0.0, g * out * log(input))


pow_op = binary("pow", (_pow_base, _pow_exponent), doc="a to the power of b.")


def pow(input: Any, exponent: Any) -> Tensor:
    """input ** exponent; RuntimeError for an integer to a negative integer power."""
    if (
        isinstance(exponent, int)
        and exponent < 0
        and getattr(input, "dtype", None) is not None
        and input.dtype.category < 2
    ):
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return pow_op(input, exponent)


def _larger(g: Tensor, a: Any, b: Any) -> Tensor:
    return g * where(a == b, 0.5, (a > b).to(g.dtype))


maximum = binary(
    "maximum",
    ordered=True,
    vjps=(
        lambda g, input, other: _larger(g, input, other),
        lambda g, input, other: _larger(g, other, input),
    ),
    doc="The greater of two values; NaN if either is.",
)
minimum = binary(
    "minimum",
    ordered=True,
    vjps=(
        lambda g, input, other: _larger(g, other, input),
        lambda g, input, other: _larger(g, input, other),
    ),
    doc="The smaller of two values; NaN if either is.",
)
atan2 = binary(
    "atan2",
    (
        lambda g, input, other: g * other / (input * input + other * other),
        lambda g, input, other: -g * input / (input * input + other * other),
    ),
    floating=True,
    doc="The angle in radians of the point (b, a), between -pi and pi.",
)
eq = binary("eq", dtype=dtypes.bool, doc="Whether a == b.")
lt = binary("lt", ordered=True, dtype=dtypes.bool, doc="Whether a < b.")
le = binary("le", ordered=True, dtype=dtypes.bool, doc="Whether a <= b.")
ne = binary(
    "ne",
    dtype=dtypes.bool,
    decompose=lambda a, b: logical_not(eq(a, b)),
    doc="Whether a != b; true for NaN.",
)
gt = binary(
    "gt",
    ordered=True,
    dtype=dtypes.bool,
    decompose=lambda a, b: lt(b, a) if isinstance(b, Tensor) else logical_not(le(a, b)) & eq(a, a),
    doc="Whether a > b.",
)
ge = binary(
    "ge",
    ordered=True,
    dtype=dtypes.bool,
    decompose=lambda a, b: le(b, a) if isinstance(b, Tensor) else logical_not(lt(a, b)) & eq(a, a),
    doc="Whether a >= b.",
)
bitwise_and = binary("bit_and", doc="Bitwise and of integers or bools.")
bitwise_or = binary("bit_or", doc="Bitwise or of integers or bools.")
bitwise_xor = binary("bit_xor", doc="Bitwise exclusive or of integers or bools.")
bitwise_left_shift = binary("shl", doc="a shifted left by b bits.")
bitwise_right_shift = binary("shr", doc="a shifted right by b bits, with its sign.")


def _checked(value: Any, name: str) -> Any:
    if value is NotImplemented:
        raise TypeError(f"{name}(): expected tensors or Python numbers")
    return value


def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input + alpha * other."""
    return _checked(add_op(input, other if alpha == 1 else other * alpha), "add")


def no_bool(input: Any, other: Any) -> None:
    if any(isinstance(x, bool) or getattr(x, "dtype", None) is dtypes.bool for x in (input, other)):
        raise RuntimeError(
            "subtraction, the `-` operator, with a bool operand is not supported; use the `^` or "
            "`logical_xor()` operator, or `~` to invert a mask"
        )


def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input - alpha * other; RuntimeError for two bool operands."""
    no_bool(input, other)
    return _checked(sub_op(input, other if alpha == 1 else other * alpha), "sub")


def rsub(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha * input."""
    return sub(other, input, alpha=alpha)


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other: true division, or rounded to an integer with ``"floor"`` or ``"trunc"``."""
    if rounding_mode is None:
        return _checked(div_op(input, other), "div")
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode != "trunc":
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"{rounding_mode!r}"
        )
    kind = dtypes.promote((input, other))
    if kind.is_floating_point:
        return trunc(div_op(input, other))
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
