"""Ops that make tensors from nothing, from numbers, or from host data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..devices import resolve
from ..registry import Op, registry
from ..tensor import Tensor, wrap

if TYPE_CHECKING:
    from ..devices import device as Device

_full = registry.add(
    Op(
        "full",
        ("shape", "value", "dtype", "index"),
        0,
        kind="primitive",
        doc="An array of `shape` with `value` everywhere, on device `index`.",
    )
)
_arange = registry.add(
    Op(
        "arange",
        ("start", "step", "length", "dtype", "index"),
        0,
        kind="primitive",
        doc="`start + k * step` for k from 0 to length - 1, rounded to the dtype once.",
    )
)


def shape_of(size: tuple[Any, ...]) -> tuple[int, ...]:
    if len(size) == 1 and not isinstance(size[0], (int, np.integer, Tensor)):
        size = tuple(size[0])
    shape = tuple(int(s) for s in size)
    for s in shape:
        if s < 0:
            raise RuntimeError(
                f"trying to create tensor with negative dimension {s}: {list(shape)}"
            )
    return shape


def _filled(
    shape: tuple[int, ...], value: Any, dtype: dtypes.dtype, device: Any, requires_grad: bool
) -> Tensor:
    d = resolve(device)
    out = wrap(d.table[_full.slot](shape, value, dtype, d.index or 0), dtype, d)
    return out.requires_grad_() if requires_grad else out


def full(
    size: Sequence[int],
    fill_value: Any,
    *,
    dtype: dtypes.dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of `size` filled with `fill_value`; dtype from the value (a float: the default
    dtype)."""
    if isinstance(fill_value, Tensor):
        fill_value = fill_value.item()
    if dtype is None:
        dtype = dtypes.promote((fill_value,))
    return _filled(shape_of((size,)), fill_value, dtype, device, requires_grad)


def zeros(
    *size: Any, dtype: dtypes.dtype | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of zeros."""
    return _filled(shape_of(size), 0, dtype or dtypes.get_default_dtype(), device, requires_grad)


def ones(
    *size: Any, dtype: dtypes.dtype | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of ones."""
    return _filled(shape_of(size), 1, dtype or dtypes.get_default_dtype(), device, requires_grad)


def empty(
    *size: Any, dtype: dtypes.dtype | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor whose values carry no meaning (they are zeros here)."""
    return _filled(shape_of(size), 0, dtype or dtypes.get_default_dtype(), device, requires_grad)


def _like(
    input: Tensor, value: Any, dtype: dtypes.dtype | None, device: Any, requires_grad: bool
) -> Tensor:
    return _filled(
        input._data.shape, value, dtype or input.dtype, device or input.device, requires_grad
    )


def zeros_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Zeros of `input`'s shape, dtype and device."""
    return _like(input, 0, dtype, device, requires_grad)


def ones_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Ones of `input`'s shape, dtype and device."""
    return _like(input, 1, dtype, device, requires_grad)


def empty_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor like `input` whose values carry no meaning."""
    return _like(input, 0, dtype, device, requires_grad)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`fill_value` in `input`'s shape, dtype and device."""
    return _like(input, fill_value, dtype, device, requires_grad)


def new_zeros(
    input: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Zeros of `size` with `input`'s dtype and device."""
    return _filled(shape_of(size), 0, dtype or input.dtype, device or input.device, requires_grad)


def new_ones(
    input: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Ones of `size` with `input`'s dtype and device."""
    return _filled(shape_of(size), 1, dtype or input.dtype, device or input.device, requires_grad)


def new_empty(
    input: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of `size` with `input`'s dtype and device, values without meaning."""
    return new_zeros(input, *size, dtype=dtype, device=device, requires_grad=requires_grad)


def new_full(
    input: Tensor,
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`fill_value` in `size` with `input`'s dtype and device."""
    return _filled(
        shape_of((size,)), fill_value, dtype or input.dtype, device or input.device, requires_grad
    )


def new_tensor(
    input: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of `data` with `input`'s dtype and device."""
    return tensor(
        data, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad
    )


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: dtypes.dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Values from `start` (0 if only one is given) up to, not including, `end` in steps of
    `step`."""
    if end is None:
        start, end = 0, start
    start, end, step = (v.item() if isinstance(v, Tensor) else v for v in (start, end, step))
    if step == 0:
        raise RuntimeError("arange: step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError(
            f"arange: upper bound and lower bound inconsistent with step sign: {start}, {end}, "
            f"{step}"
        )
    if dtype is None:
        floating = any(isinstance(v, float) for v in (start, end, step))
        dtype = dtypes.get_default_dtype() if floating else dtypes.int64
    length = max(0, math.ceil((end - start) / step))
    d = resolve(device)
    out = wrap(d.table[_arange.slot](start, step, length, dtype, d.index or 0), dtype, d)
    return out.requires_grad_() if requires_grad else out


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` evenly spaced values from `start` to `end`, both included."""
    if steps < 0:
        raise RuntimeError("linspace: number of steps must be non-negative")
    dtype = dtype or dtypes.get_default_dtype()
    host = np.linspace(float(start), float(end), steps)
    return from_host(host.astype(dtype.numpy), dtype, resolve(device), requires_grad)


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`base` to the power of `steps` evenly spaced exponents from `start` to `end`."""
    dtype = dtype or dtypes.get_default_dtype()
    host = np.power(float(base), np.linspace(float(start), float(end), steps))
    return from_host(host.astype(dtype.numpy), dtype, resolve(device), requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The identity matrix of `n` rows and `m` (default `n`) columns."""
    if n < 0 or (m is not None and m < 0):
        raise RuntimeError(f"eye: n and m must be greater or equal to 0, got {n} and {m}")
    dtype = dtype or dtypes.get_default_dtype()
    return from_host(np.eye(n, m, dtype=dtype.numpy), dtype, resolve(device), requires_grad)


def from_host(
    host: np.ndarray[Any, Any], dtype: dtypes.dtype, device: Device, requires_grad: bool = False
) -> Tensor:
    """A tensor on `device` with the values of a host array that has `dtype` already."""
    out = wrap(device.put(host, dtype), dtype, device)
    return out.requires_grad_() if requires_grad else out


def _holds_tensor(data: Any) -> bool:
    return isinstance(data, Tensor) or (
        isinstance(data, (list, tuple)) and any(map(_holds_tensor, data))
    )


def _plain(data: Any) -> Any:
    if isinstance(data, Tensor):
        return data.tolist()
    return [_plain(d) for d in data] if isinstance(data, (list, tuple)) else data


def _host_array(data: Any) -> tuple[np.ndarray[Any, Any], dtypes.dtype]:
    """`data` as a host array and the dtype that PyTorch infers for it."""
    if isinstance(data, (np.ndarray, np.generic)):
        return np.asarray(data), dtypes.from_numpy(data.dtype)
    if _holds_tensor(data):
        data = _plain(data)
    try:
        host = np.array(data)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"tensor(): expected nested sequences of one length in each dimension: {error}"
        ) from None
    if host.dtype.kind not in "biufcO" or (host.dtype == object and host.size):
        kind = (
            ValueError
            if host.dtype.kind in "US" and not isinstance(data, str)
            else RuntimeError
            if data is None
            else TypeError
        )
        raise kind(
            f"tensor(): cannot make a tensor of {type(data).__name__} {data!r:.80}; give numbers"
        )
    if host.size == 0 or host.dtype.kind == "f":
        return host, dtypes.get_default_dtype() if host.dtype.kind in "fO" else dtypes.from_numpy(
            host.dtype
        )
    if host.dtype.kind == "c":
        return host, dtypes.default_complex_dtype()
    if host.dtype.kind == "u":
        raise RuntimeError("tensor(): Overflow when unpacking long long")
    return host, dtypes.bool if host.dtype.kind == "b" else dtypes.int64


def tensor(
    data: Any,
    *,
    dtype: dtypes.dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A new tensor with a copy of `data`: a number, nested sequences, a NumPy array or a tensor.

    The dtype is inferred as PyTorch does: Python floats become the default dtype, ints int64, bools
    bool. `pin_memory` puts a CPU tensor into pinned memory, as `Tensor.pin_memory` does. Raises
    ValueError for ragged sequences, TypeError for what is no number.
    """
    if isinstance(data, Tensor):
        out = data.detach().clone().to(device=device or data.device, dtype=dtype or data.dtype)
        if pin_memory:
            out = out.pin_memory()
        return out.requires_grad_() if requires_grad else out
    host, inferred = _host_array(data)
    dtype = dtype or inferred
    d = resolve(device)
    if host.dtype.kind == "f" and dtype.category == 1 and not np.isfinite(host).all():
        raise RuntimeError(f"tensor(): cannot convert a value that is not finite to {dtype}")
    made = host.astype(dtype.numpy) if host.dtype != dtype.numpy else host.copy()
    out = wrap(d.put(made, dtype), dtype, d)
    if pin_memory:
        out = out.pin_memory()
    return out.requires_grad_() if requires_grad else out


def as_tensor(data: Any, dtype: dtypes.dtype | None = None, device: Any = None) -> Tensor:
    """`data` as a tensor, without a copy where dtype and device allow."""
    if isinstance(data, Tensor):
        return data.to(device=device or data.device, dtype=dtype or data.dtype)
    if isinstance(data, np.ndarray):
        out = from_numpy(data)
        return out.to(device=resolve(device), dtype=dtype or out.dtype)
    return tensor(data, dtype=dtype, device=device)


asarray = as_tensor


def from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """A CPU tensor that shares the memory of a NumPy array."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    dtype = dtypes.from_numpy(array.dtype)
    d = resolve("cpu")
    return wrap(array, dtype, d)


def scalar_tensor(value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A 0-d tensor holding `value`, of the default dtype."""
    return full((), value, dtype=dtype or dtypes.get_default_dtype(), device=device)
