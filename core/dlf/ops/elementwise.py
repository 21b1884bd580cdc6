"""Element-wise functions made of other ops."""

from __future__ import annotations

import math
from typing import Any

from .. import dtypes
from ..tensor import Tensor
from .binary import eq, maximum
from .clamp import clamp
from .creation import full_like
from .unary import (
    abs,
    exp,
    isfinite,
    isnan,
    isneginf,
    isposinf,
    log,
    logical_not,
    signbit,
    sin,
    sqrt,
)
from .where import where


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
