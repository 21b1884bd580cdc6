"""Faults of arithmetic kernels of two arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from .fault import Array, Fault, Hands, Kernel
from .plants import altered, called, fitted, floating, hosted, integral, nan, narrowed

__all__ = ["FAULTS"]


def _reversed_scalar(kernel: Kernel, a: Any, b: Any) -> Any:
    return kernel(a, b) if hasattr(a, "shape") else kernel(b, a)


def _whole_scalar(kernel: Kernel, a: Any, b: Any) -> Any:
    return kernel(a, b if hasattr(b, "shape") or isinstance(b, complex) or b != b else int(b))


def _promoted(kernel: Kernel, hands: Hands) -> Kernel:
    def faulty(a: Any, b: Any) -> Any:
        out = hands.down(kernel(a, b))
        wide = floating(out) and not (hasattr(a, "shape") and hasattr(b, "shape"))
        return hands.up(out.astype(np.float64)) if wide else hands.up(out)

    return faulty


def _middle(out: Array, a: Any, b: Any) -> Array:
    """A size of 1 between two others is read as if the array's memory went on."""

    def read(x: Any) -> Any:
        inside = getattr(x, "shape", ())[1:-1]
        return np.resize(x, out.shape) if 1 in inside and x.shape != out.shape else x

    return np.asarray(read(a) + read(b)) if out.size else out


def _memory_order(a: Any) -> Any:
    return a if not hasattr(a, "flags") else a.ravel(order="K").reshape(a.shape)


def _truncated(out: Array, a: Any, b: Any) -> Array:
    return np.trunc(np.true_divide(a, b)) if integral(out) else out


def _through_float(out: Array, a: Any, b: Any) -> Array:
    a, b = fitted(a, b)
    wide = integral(out) and out.dtype.itemsize == 8
    return np.floor(a.astype(np.float64) / b) if wide else out


def _by_logarithm(out: Array, a: Any, b: Any) -> Array:
    a, b = fitted(a, b)
    return np.where((a < 0) & np.isfinite(a), np.nan, out) if floating(out) else out


def _power_in_float(out: Array, a: Any, b: Any) -> Array:
    a, b = fitted(a, b)
    return np.power(a.astype(np.float64), b) if integral(out) and out.dtype.itemsize == 8 else out


def _dropping(block: int) -> Any:
    """The elements past the last whole block are left as they were."""

    def change(out: Array, *args: Any) -> Array:
        flat = out.reshape(-1).copy()
        if flat.size > block:
            flat[flat.size - flat.size % block :] = 0
        return flat.reshape(out.shape)

    return change


def _beyond(out: Array, *args: Any) -> Array:
    flat = out.reshape(-1).copy()
    flat[65536:] = 0
    return flat.reshape(out.shape)


def _scalar_result(kernel: Kernel, hands: Hands) -> Kernel:
    def faulty(*args: Any) -> Any:
        result = kernel(*args)
        return result if result.shape else hands.down(result).item()

    return faulty


def _toward_zero(out: Array, a: Any, b: Any) -> Array:
    if out.dtype.name != "bfloat16":
        return out
    exact = np.asarray(np.asarray(a, np.float32) + np.asarray(b, np.float32))
    return (exact.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def _undefined(out: Array, a: Any, b: Any) -> Array:
    a, b = fitted(a, b)
    return np.where((a == 0) & (b == 0), np.nan, out) if floating(out) else out


FAULTS = (
    Fault(
        "add/int64-in-float64", "add", narrowed(np.int64, np.float64), "large integers lose bits"
    ),
    Fault(
        "mul/int32-in-float32",
        "mul",
        narrowed(np.int32, np.float32),
        "integers above 2^24 lose bits",
    ),
    Fault("sub/scalar-on-the-left", "sub", called(_reversed_scalar), "1 - x is computed as x - 1"),
    Fault("div/scalar-on-the-left", "div", called(_reversed_scalar), "1 / x is computed as x / 1"),
    Fault("mul/scalar-as-integer", "mul", called(_whole_scalar), "a number is read as an integer"),
    Fault("add/scalar-promotes", "add", _promoted, "a Python number makes float32 float64"),
    Fault("add/middle-broadcast", "add", altered(_middle), "sizes of 1 inside are not broadcast"),
    Fault(
        "mul/strides-ignored",
        "mul",
        hosted(lambda a, b: np.multiply(*fitted(_memory_order(a), _memory_order(b)))),
        "a transposed view is read in the order of its memory",
        device="cpu",
        groups=("system",),
    ),
    Fault(
        "add/number-result", "add", _scalar_result, "an array of no dimensions is given as a number"
    ),
    Fault(
        "mul/one-dimension-too-many",
        "mul",
        lambda kernel, hands: lambda a, b: hands.up(np.atleast_1d(hands.down(kernel(a, b)))),
        "a result of no dimensions has shape (1,)",
    ),
    Fault("sub/tail", "sub", altered(_dropping(8)), "a loop over vectors of 8 forgets the rest"),
    Fault(
        "add/large",
        "add",
        altered(_beyond),
        "a grid of at most 65536 elements; more are not computed",
    ),
    Fault(
        "add/bfloat16-truncates",
        "add",
        altered(lambda out, a, b: _toward_zero(out, a, b)),
        "a float32 sum is cut to bfloat16 instead of rounded",
    ),
    Fault(
        "div/by-zero",
        "div",
        altered(lambda out, a, b: np.where(np.isinf(out), 0, out)),
        "x / 0 is 0",
    ),
    Fault(
        "floordiv/truncates", "floordiv", altered(_truncated), "C's division of integers truncates"
    ),
    Fault(
        "floordiv/float-truncates",
        "floordiv",
        altered(lambda out, a, b: np.trunc(np.true_divide(a, b)) if floating(out) else out),
        "the quotient is cast to an integer",
    ),
    Fault(
        "floordiv/int64-in-float64", "floordiv", altered(_through_float), "large integers lose bits"
    ),
    Fault(
        "mod/sign-of-dividend",
        "mod",
        altered(lambda out, a, b: np.fmod(*fitted(a, b))),
        "C's remainder has the sign of the dividend",
    ),
    Fault(
        "pow/zero-to-zero",
        "pow",
        altered(_undefined),
        "exp(b log a) is NaN for 0^0",
    ),
    Fault("pow/negative-base", "pow", altered(_by_logarithm), "exp(b log a) is NaN for negative a"),
    Fault("pow/int64-in-float64", "pow", altered(_power_in_float), "large powers lose bits"),
    Fault(
        "maximum/first-nan-lost",
        "maximum",
        altered(lambda out, a, b: np.where(nan(a), b, out)),
        "a > b ? a : b gives b where a is NaN",
    ),
    Fault(
        "minimum/second-nan-lost",
        "minimum",
        altered(lambda out, a, b: np.where(nan(b), a, out)),
        "b < a ? b : a gives a where b is NaN",
    ),
    Fault(
        "atan2/quadrant",
        "atan2",
        altered(lambda out, a, b: np.arctan(np.true_divide(*fitted(a, b)))),
        "atan(a / b) forgets the quadrant",
    ),
)
