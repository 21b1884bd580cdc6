"""Ways to make a wrong kernel out of a right one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .fault import Array, Hands, Kernel, Plant

__all__ = [
    "altered",
    "called",
    "fitted",
    "floating",
    "hosted",
    "integral",
    "nan",
    "narrowed",
    "single",
]

Change = Callable[..., Any]


def called(call: Change) -> Plant:
    """``call(kernel, *args)`` in place of ``kernel(*args)``, on the device's own arrays."""
    return lambda kernel, hands: partial(call, kernel)


def altered(change: Change) -> Plant:
    """The right result, then ``change(result, *args)``, all as host arrays; the dtype is kept."""

    def plant(kernel: Kernel, hands: Hands) -> Kernel:
        def faulty(*args: Any) -> Any:
            right = hands.down(kernel(*args))
            with np.errstate(all="ignore"):
                wrong = change(right, *hands.down(args))
            if isinstance(right, tuple):
                return hands.up(tuple(map(_like, wrong, right)))
            return hands.up(_like(wrong, right))

        return faulty

    return plant


def _like(wrong: Any, right: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(wrong).astype(right.dtype)


def hosted(function: Change) -> Plant:
    """``function(*args)`` on host arrays in place of the kernel; its result's dtype is kept."""

    def plant(kernel: Kernel, hands: Hands) -> Kernel:
        def faulty(*args: Any) -> Any:
            with np.errstate(all="ignore"):
                return hands.up(function(*hands.down(args)))

        return faulty

    return plant


def narrowed(dtype: Any, through: Any) -> Plant:
    """The kernel computed in `through` where the first array has dtype `dtype`."""

    def plant(kernel: Kernel, hands: Hands) -> Kernel:
        def cast(x: Any) -> Any:
            if isinstance(x, (tuple, list)):
                return type(x)(map(cast, x))
            if not hasattr(x, "shape"):
                return x
            with np.errstate(all="ignore"):
                return hands.up(hands.down(x).astype(through))

        def faulty(*args: Any) -> Any:
            arrays = [hands.down(x) for x in args if hasattr(x, "shape")]
            if not arrays or arrays[0].dtype != dtype:
                return kernel(*args)
            result = hands.down(kernel(*map(cast, args)))
            with np.errstate(all="ignore"):
                return hands.up(result.astype(dtype) if result.dtype == through else result)

        return faulty

    return plant


def fitted(a: Any, b: Any) -> tuple[Array, Array]:
    """Two operands, of which one may be a number, as arrays of one dtype."""
    dtype = a.dtype if hasattr(a, "dtype") else b.dtype
    return np.asarray(a).astype(dtype), np.asarray(b).astype(dtype)


def nan(a: Any) -> Any:
    """Where `a` is NaN."""
    return a != a


def floating(a: Any) -> bool:
    """Whether `a` is an array of real floating-point numbers; bfloat16's kind is V."""
    return hasattr(a, "dtype") and a.dtype.kind in "fV"


def single(a: Any) -> bool:
    """Whether `a` is an array of float32, where a naive formula shows; float16 is coarse anyway."""
    return hasattr(a, "dtype") and a.dtype == np.float32


def integral(a: Any) -> bool:
    """Whether `a` is an array of integers."""
    return hasattr(a, "dtype") and a.dtype.kind in "iu"
