"""Which functions of a namespace each kernel calls, and with what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlf.xp.namespace import Library

__all__ = ["CALLS", "missing", "needed"]

_ELEMENTWISE = """
    acos(a) acosh(a) asin(a) asinh(a) atan(a) atanh(a) ceil(a) cos(a) cosh(a) exp(a) expm1(a)
    floor(a) isfinite(a) isinf(a) isnan(a) log(a) log10(a) log1p(a) log2(a) round(a) sin(a) sinh(a)
    sqrt(a) tan(a) tanh(a) trunc(a) abs(a)
""".split()

CALLS: dict[str, str] = {call.partition("(")[0]: call for call in _ELEMENTWISE} | {
    "full": "",
    "arange": "",
    "cast": "",
    "copy": "",
    "reshape": "",
    "permute": "permute_dims(a, dims)",
    "broadcast_to": "broadcast_to(a, shape)",
    "slice": "flip(a, *, axis)",
    "slice_set": "flip(a, *, axis) broadcast_to(a, shape)",
    "pad": "",
    "concat": "concat(arrays, *, axis)",
    "take": "take(a, index, *, axis)",
    "nonzero": "nonzero(a) stack(arrays, *, axis)",
    "index_add": "",
    "index_copy": "",
    "gather": "take(a, index, *, axis) take_along_axis(a, index, *, axis)",
    "scatter": "",
    "scatter_add": "",
    "neg": "",
    "sign": "abs(a) where(condition, a, b)",
    "relu": "maximum(a, b)",
    "logical_not": "logical_not(a)",
    "square": "",
    "reciprocal": "",
    "rsqrt": "sqrt(a)",
    "sigmoid": "exp(a)",
    "exp2": "pow(a, b)",
    "erf": "abs(a) clip(a, low, high) exp(a) where(condition, a, b)",
    "erfinv": (
        "abs(a) clip(a, low, high) full_like(a, value) log(a) sqrt(a) where(condition, a, b)"
    ),
    "lgamma": (
        "abs(a) clip(a, low, high) floor(a) log(a) log1p(a) ones_like(a) round(a) sin(a) "
        "where(condition, a, b)"
    ),
    "digamma": (
        "clip(a, low, high) floor(a) log(a) round(a) tan(a) where(condition, a, b) zeros_like(a)"
    ),
    "add": "",
    "sub": "subtract(a, b)",
    "mul": "multiply(a, b)",
    "div": "divide(a, b)",
    "floordiv": "floor_divide(a, b) all(a)",
    "mod": "remainder(a, b) all(a)",
    "pow": "pow(a, b) any(a) where(condition, a, b)",
    "atan2": "atan2(a, b)",
    "maximum": "maximum(a, b)",
    "minimum": "minimum(a, b)",
    "eq": "equal(a, b)",
    "ne": "not_equal(a, b)",
    "lt": "less(a, b)",
    "le": "less_equal(a, b)",
    "gt": "greater(a, b)",
    "ge": "greater_equal(a, b)",
    "bit_and": "bitwise_and(a, b)",
    "bit_or": "bitwise_or(a, b)",
    "bit_xor": "bitwise_xor(a, b)",
    "shl": "bitwise_left_shift(a, b)",
    "shr": "bitwise_right_shift(a, b)",
    "where": "where(condition, a, b)",
    "sum": "sum(a, *, axis, keepdims)",
    "prod": "prod(a, *, axis, keepdims)",
    "max": "max(a, *, axis, keepdims) any(a, *, axis, keepdims)",
    "min": "min(a, *, axis, keepdims) all(a, *, axis, keepdims)",
    "argmax": "argmax(a, *, axis, keepdims)",
    "argmin": "argmin(a, *, axis, keepdims)",
    "any": "any(a, *, axis, keepdims)",
    "all": "all(a, *, axis, keepdims)",
    "cumsum": "cumulative_sum(a, *, axis)",
    "cumprod": "cumulative_prod(a, *, axis)",
    "sort": "argsort(a, *, axis) flip(a, *, axis) take_along_axis(a, index, *, axis)",
    "matmul": "matmul(a, b)",
}
"""By name of a kernel: its calls, beside those of `dlf.xp.names.BASE`.

The parameters `a`, `b`, `arrays`, `index`, `condition`, `shape`, `dims`, `low`, `high` and `value`
are given by position, the others by keyword.
"""

_NAME = re.compile(r"(\w+)\(")
_WRITES = {
    "index_copy": "put",
    "scatter": "put",
    "index_add": "put_add",
    "scatter_add": "put_add",
    "pad": "set_slices",
    "slice_set": "set_slices",
}
_CHECKS = frozenset(("take", "index_add", "index_copy", "gather", "scatter", "scatter_add"))


def needed(lib: Library, name: str) -> Iterator[str]:
    """The standard names of the functions that the kernel `name` calls over `lib`."""
    calls = set(_NAME.findall(CALLS.get(name, "")))
    if name == "nonzero" and lib.find("nonzero") is None:
        calls = {"argsort", "logical_not", "stack", "where"}
    if name == "exp2" and lib.find("exp2") is not None:
        calls = {"exp2"}
    if name == "floordiv" and not lib.floors:
        calls |= {"abs", "floor", "remainder", "where"}
    if name == "sum" and lib.sums_in_order:
        calls.add("concat")
    if name in _CHECKS and lib.checked:
        calls |= {"min", "max"}
    if write := _WRITES.get(name):
        calls.update(lib.composed.get(getattr(lib, write), ()))
    if name == "sort" or (name in _WRITES and "argsort" in calls):
        calls.update(lib.composed[lib.stable_argsort])
    yield from sorted(calls)


def missing(lib: Library, name: str) -> list[str]:
    """Those of them that its namespace does not have: the kernel cannot be made."""
    return [function for function in needed(lib, name) if lib.find(function) is None]
