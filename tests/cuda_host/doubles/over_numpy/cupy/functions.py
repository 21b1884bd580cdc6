"""The stand-in's functions: NumPy's of the same names, over its own arrays."""

from __future__ import annotations

import numpy as np

from . import tape
from .array import host, ndarray

__all__ = ["ReductionKernel", "ufunc"]

_BFLOAT16 = "bfloat16"


def _wrapped(result, args):
    """Results as the stand-in's arrays; what shares memory with an argument is a view of it."""
    if isinstance(result, (tuple, list)):
        return type(result)(_wrapped(one, args) for one in result)
    if isinstance(result, np.ndarray):
        for one in args:
            if isinstance(one, ndarray) and np.may_share_memory(result, one._host):
                return one._view(result)
    if isinstance(result, (np.ndarray, np.generic)):
        return ndarray._of(result)
    return result


def _copied(mine, values):
    for one, value in zip(mine, values, strict=True):
        if isinstance(one, ndarray):
            np.copyto(one._host, value)


def called(function, args, kwargs):
    """`function` over the arrays behind the arguments."""
    plain, named = host(tuple(args)), {name: host(value) for name, value in kwargs.items()}
    flat = [one for arg in args for one in (arg if isinstance(arg, (tuple, list)) else (arg,))]

    def compute():
        with np.errstate(all="ignore"):
            return function(*plain, **named)

    if isinstance(kwargs.get("out"), ndarray):
        kwargs["out"]._write(compute)
        return kwargs["out"]
    result = compute()
    made = _wrapped(result, flat)
    many = isinstance(result, (tuple, list))
    ours = made if many else (made,)
    inputs = [a.data for a in flat if isinstance(a, ndarray)]
    # The name `all` means CuPy's function here.
    if tape.recording() and not [one for one in ours if one.data in inputs]:
        tape.record(lambda: _copied(ours, compute() if many else (compute(),)))
    return made


class ufunc:
    """An element-wise function.

    Args:
        atomics: characters of the dtypes that `at` takes.
        bfloat16: whether there is a loop for it; without one float32 is computed, as CuPy does.
    """

    def __init__(self, name, atomics="", bfloat16=True, function=None):
        self.name, self._atomics, self._bfloat16 = name, atomics, bfloat16
        self._function = function or getattr(np, name)

    def __call__(self, *args, out=None, dtype=None, casting="same_kind"):
        named = {} if dtype is None else {"dtype": dtype}
        if out is not None:
            named |= {"out": out, "casting": casting}
        function = self._function
        if not self._bfloat16 and dtype is None:
            function = self._without_bfloat16
        return called(function, args, named)

    def _without_bfloat16(self, *args):
        args = [a.astype(np.float32) if getattr(a, "dtype", None) == _BFLOAT16 else a for a in args]
        return self._function(*args)

    def at(self, a, indices, b=None):
        if not self._atomics:
            raise NotImplementedError(f"`{self.name}.at` is not supported yet")
        if a.dtype.char not in self._atomics:
            raise TypeError(f"cupy.{self.name}.at does not support {a.dtype}")
        where, values = host(indices), host(b)
        a._write(lambda: self._function.at(a._host, where, values))


class ReductionKernel:
    """A reduction in CUDA C++, which is not run: NumPy has the one of its name."""

    _NUMPY = {"dlf_argmax": np.argmax, "dlf_argmin": np.argmin}

    def __init__(
        self,
        in_params,
        out_params,
        map_expr,
        reduce_expr,
        post_map_expr,
        identity,
        name="reduce_kernel",
        reduce_type=None,
        reduce_dims=True,
        preamble="",
        options=(),
    ):
        self._function = self._NUMPY[name]

    def __call__(self, a, *, axis=None, keepdims=False):
        return called(self._function, (a,), {"axis": axis, "keepdims": keepdims})


def _function(name):
    def call(*args, **kwargs):
        return called(getattr(np, name), args, kwargs)

    call.__name__ = name
    return call


# Names of functions, and of functions of elements, that CuPy and NumPy both have.
_PLAIN = (
    "sum prod max min any all argmax argmin cumsum cumprod broadcast_to flip concatenate stack "
    "take_along_axis searchsorted transpose reshape real matmul zeros ones empty zeros_like "
    "ones_like full_like empty_like ascontiguousarray"
).split()
_ELEMENTS = (
    "subtract multiply divide true_divide floor_divide remainder fmod power float_power maximum "
    "minimum equal not_equal less less_equal greater greater_equal bitwise_and bitwise_or "
    "bitwise_xor left_shift right_shift arctan2 copysign negative absolute exp exp2 expm1 log "
    "log1p log2 log10 sqrt square reciprocal sin cos tan arcsin arccos arctan sinh cosh tanh "
    "arcsinh arccosh arctanh floor ceil trunc rint isnan isinf isfinite logical_not logical_and "
    "logical_or"
).split()
for _name in _PLAIN:
    globals()[_name] = _function(_name)
for _name in _ELEMENTS:
    globals()[_name] = ufunc(_name)
__all__ += _PLAIN + _ELEMENTS
__all__ += "abs array asarray arange argsort clip full nonzero take where".split()

abs = globals()["absolute"]
_where = ufunc("where", bfloat16=False)
_clip = ufunc("clip", bfloat16=False, function=lambda a, low, high: np.clip(a, low, high))


def where(condition, x, y):
    return _where(condition, x, y)


def clip(a, a_min, a_max):
    return _clip(a, a_min, a_max)


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    if isinstance(obj, ndarray):
        return obj.astype(dtype or obj.dtype) if copy else obj
    tape.refuse("H2D")
    return ndarray._of(np.array(obj, dtype=dtype, order=order, copy=True))


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    if isinstance(a, ndarray):
        return a if dtype is None or a.dtype == dtype else a.astype(dtype)
    return array(a, dtype, order=order or "K")


def full(shape, fill_value, dtype=None, order="C"):
    if isinstance(fill_value, np.ndarray):
        raise TypeError("non-scalar numpy.ndarray cannot be used for fill")
    return called(np.full, (shape, fill_value), {"dtype": dtype})


def arange(start, stop=None, step=1, dtype=None):
    return called(np.arange, (0, start) if stop is None else (start, stop, step), {"dtype": dtype})


def argsort(a, axis=-1, kind=None):
    # CuPy's sort is stable whatever is asked.
    return called(np.argsort, (a,), {"axis": axis, "kind": "stable"})


def take(a, indices, axis=None, out=None):
    # Places beyond the end wrap around.
    return called(np.take, (a, indices), {"axis": axis, "mode": "wrap"})


def nonzero(a):
    tape.refuse("D2H")
    return called(np.nonzero, (a,), {})
