"""`Library`: what the kernels know of the array namespace that they are written over.

Namespaces differ in how dtypes are named and arrays are converted, in whether arrays can be written
to, and in what they take beside an array. All of that is found here, once, by trying.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dlf import dtypes
from dlf.xp.names import find
from dlf.xp.writing import writers

__all__ = ["Array", "Kernel", "Library", "library", "wrap_integer"]

Array = Any
Kernel = Callable[..., Any]

_cache: dict[int, Library] = {}


class Library:
    """An array namespace, and what differs between namespaces.

    Args:
        xp: a namespace with the functions of the array API standard, or with NumPy's.
        devices: what the `device` argument of its functions is for each index; None for a library
            that is not told where to put an array.
        checked: whether an index out of range must be refused where the library itself lets it
            pass. That costs a look at the data for each look-up.

    Attributes:
        native: the library's dtype for each `dlf.dtype` that it has.
        known: the `dlf.dtype` of each of the library's dtypes.
        widest: float64 where the library has it, else float32.
        numpy_like: its arrays have NumPy's dtypes and NumPy's methods.
        reshape: ``reshape(a, shape)``, row-major.
        convert: ``convert(a, native)``: `a` in a dtype of the library's.
        takes_scalars: its functions take a Python number beside an array, and keep the array's
            dtype.
        sums_in: its sums and products take the dtype to add in.
        computes_bools: bools can be added and ordered.
        sums_in_order: it adds the rows of a matrix one after another, so that errors pile up.
        warns: it warns of infinities and NaN, which are ordinary results, as NumPy does.
        array: makes a result an array, where the library gives scalars for 0-d ones.
        put: ``put(a, index, src)``: `a` with `src` at `index`, a tuple of integer arrays and
            slices; the arrays' last write wins.
        put_add: the same, but what falls on one place is added up.
        set_slices: the same for an index of slices with positive steps.
    """

    def __init__(self, xp: Any, devices: Sequence[Any] = (None,), checked: bool = True) -> None:
        self.xp = xp
        self.devices = tuple(devices)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # A library may warn of what is only tried.
            sample = self.zeros((1,))
            self.numpy_like = isinstance(sample.dtype, np.dtype) and hasattr(sample, "astype")
            self.known: dict[Any, dtypes.dtype] = {}
            self.native = self._find_dtypes()
            self.widest = next(d for d in (dtypes.float64, dtypes.float32) if d in self.native)
            self.reshape: Kernel = _reshape if self.numpy_like else xp.reshape
            self.convert: Kernel = _astype if hasattr(sample, "astype") else xp.astype
            scalar = self.zeros(())
            gives_scalars = type(xp.add(scalar, scalar)) is not type(scalar)
            self.array: Kernel = xp.asarray if gives_scalars else _same
            self.takes_scalars = not gives_scalars and _works(self._try_scalars)
            self.computes_bools = _works(self._try_bools)
            self.sums_in = _works(lambda: xp.sum(sample, axis=0, dtype=sample.dtype))
            self._stable = _works(lambda: xp.argsort(sample, axis=0, stable=True))
            self.sums_in_order = _works(self._try_sum)
            self.warns = not _works(self._try_silence)
            self._checked = checked and _works(self._try_index)
            self.set_slices, self.put, self.put_add = writers(self)

    # dtypes

    def _find_dtypes(self) -> dict[dtypes.dtype, Any]:
        found = {}
        for name, dtype in dtypes.ALL.items():
            native = dtype.numpy if self.numpy_like else self._dtype_named(name)
            if native is not None and _works(lambda: self._try_dtype(native)):  # noqa: B023 # now
                found[dtype] = native
                self.known[native] = dtype
        return found

    def _dtype_named(self, name: str) -> Any:
        # `bool` is taken in Python, so that some namespaces have `bool_` alone.
        return getattr(self.xp, name, None) or getattr(self.xp, f"{name}_", None)

    def _try_dtype(self, native: Any) -> bool:
        # Libraries that compile do so for a number, but not for an array of NumPy's.
        given = np.zeros((1,), native) if self.numpy_like else [0]
        return bool(self.xp.asarray(given, dtype=native).dtype == native)

    def dtype(self, a: Array) -> dtypes.dtype:
        """The dtype of `a` as dlf names it."""
        return self.known[a.dtype]

    def astype(self, a: Array, dtype: dtypes.dtype) -> Array:
        """`a` in `dtype`; `a` itself where it has it."""
        if self.known[a.dtype] is dtype:
            return a
        return self.convert(a, self.native[dtype])

    def accurate(self, function: Kernel) -> Kernel:
        """`function(array, *rest)`, in float32 for 16-bit floats and rounded once."""
        low = {self.native[d] for d in (dtypes.float16, dtypes.bfloat16) if d in self.native}
        array, float32 = self.array, dtypes.float32

        def kernel(a: Array, *rest: Any) -> Array:
            if a.dtype in low:
                wide = function(self.astype(a, float32), *rest)
                return self.astype(array(wide), self.known[a.dtype])
            return array(function(a, *rest))

        return kernel

    # making arrays

    def zeros(self, shape: tuple[int, ...], native: Any = None, index: int = 0) -> Array:
        """Zeros on device `index`."""
        return self.xp.zeros(shape, dtype=native, **self.at(index))

    def at(self, index: int) -> dict[str, Any]:
        """The arguments that make a function put its result on device `index`."""
        return {} if self.devices[0] is None else {"device": self.devices[index]}

    def beside(self, a: Array) -> dict[str, Any]:
        """The arguments that make a function put its result where `a` is."""
        return {} if self.devices[0] is None else {"device": a.device}

    def range(self, n: int, beside: Array) -> Array:
        """int64 0, 1, ..., n - 1, where `beside` is."""
        return self.xp.arange(n, dtype=self.native[dtypes.int64], **self.beside(beside))

    def constant(self, value: Any, beside: Array) -> Array:
        """`value` as a 0-d array of `beside`'s dtype."""
        return self.xp.asarray(value, dtype=beside.dtype, **self.beside(beside))

    def operand(self, value: Any, beside: Array) -> Any:
        """`value`, an array or a Python number of `beside`'s kind, as the library takes it."""
        if hasattr(value, "dtype"):
            return value
        if isinstance(value, int):
            dtype = self.dtype(beside)
            if dtype.kind in "iu":
                value = wrap_integer(value, dtype)
        return value if self.takes_scalars else self.constant(value, beside)

    def copy(self, a: Array) -> Array:
        """`a`'s elements in memory of their own."""
        return a.copy() if self.numpy_like else self.xp.asarray(a, copy=True)

    # functions

    def find(self, name: str) -> Kernel | None:
        """The function of the standard name `name`, or None."""
        function: Kernel | None = find(self.xp, name, others_first=self.numpy_like)
        return function

    def __getitem__(self, name: str) -> Kernel:
        """The function of the standard name `name`; AttributeError where there is none."""
        function = self.find(name)
        if function is None:
            raise AttributeError(f"the array namespace {self.xp!r} has no function '{name}'")
        return function

    def in_dtype(self, function: Kernel) -> Kernel:
        """`function(a, axis=..., ...)`, a sum or product, with its result in the dtype of `a`."""
        if self.sums_in:
            # NumPy and the standard add small integers in larger ones, unless told.
            return lambda a, **how: function(a, dtype=a.dtype, **how)
        return lambda a, **how: self.astype(function(a, **how), self.known[a.dtype])

    def argsort(self, a: Array, axis: int, stable: bool) -> Array:
        """The order that sorts `a`, NaN last."""
        if not stable:
            return self.xp.argsort(a, axis=axis)
        if self._stable:
            return self.xp.argsort(a, axis=axis, stable=True)
        return self.xp.argsort(a, axis=axis, kind="stable")

    def check(self, index: Array, size: int) -> None:
        """IndexError if a place of `index` is outside 0 to `size`, unless the library tells."""
        if not self._checked or 0 in index.shape:
            return
        if int(self.xp.min(index)) < 0 or int(self.xp.max(index)) >= size:
            raise IndexError(f"index out of range in self: indices must lie in [0, {size})")

    # what is tried

    def _try_scalars(self) -> bool:
        # Few functions, one of each kind: a library that compiles takes its time for each.
        small = self.xp.asarray([1], dtype=self.native[dtypes.int8])
        single = self.xp.asarray([1.0], dtype=self.native[dtypes.float32])
        tried = [self["maximum"](small, 2), self["bitwise_and"](2, small), small]
        floating = [self["atan2"](single, 2.5), self.xp.where(small > 0, single, 2.5)]
        return all(a.dtype == small.dtype for a in tried) and all(
            a.dtype == single.dtype for a in floating
        )

    def _try_bools(self) -> bool:
        flag = self.xp.asarray([True], dtype=self.native[dtypes.bool])
        self.xp.less(flag, flag)
        return bool(self.xp.add(flag, flag).dtype == flag.dtype)

    def _try_sum(self) -> bool:
        """Whether the error of a long sum shows that it was added up in order."""
        rows, dtype = 1 << 14, self.native[dtypes.float32]
        total = self.xp.sum(self.xp.full((rows, 2), 0.1, dtype=dtype), axis=0)
        return abs(float(total[0]) / (0.1 * rows) - 1.0) > 2e-6

    def _try_silence(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.xp.log(self.zeros((1,)))

    def _try_index(self) -> bool:
        """Whether a place that does not exist is looked up without an error."""
        place = self.xp.asarray([7], dtype=self.native[dtypes.int64])
        self.xp.take(self.zeros((1,)), place, axis=0)
        return True


def library(xp: Any) -> Library:
    """The `Library` of the namespace `xp`; a `Library` itself is returned as it is."""
    if isinstance(xp, Library):
        return xp
    found = _cache.get(id(xp))
    if found is None:
        found = _cache[id(xp)] = Library(xp)
    return found


def wrap_integer(value: int, dtype: Any) -> int:
    """`value` modulo the range of an integer dtype, as a C cast and PyTorch wrap it."""
    bits = 8 * dtype.itemsize
    value &= (1 << bits) - 1
    return value - (1 << bits) if dtype.kind == "i" and value >> (bits - 1) else value


def _reshape(a: Array, shape: tuple[int, ...]) -> Array:
    return a.reshape(shape)


def _astype(a: Array, native: Any) -> Array:
    return a.astype(native)


def _same(a: Array) -> Array:
    return a


def _works(attempt: Callable[[], Any]) -> bool:
    """Whether `attempt()` comes to something other than False, and does not raise."""
    try:
        return attempt() is not False
    except Exception:
        return False
