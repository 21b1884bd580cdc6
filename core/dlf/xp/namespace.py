"""`Library`: what the kernels know of the array namespace that they are written over.

Namespaces differ in how dtypes are named and arrays are converted, in whether arrays can be written
to, and in what they take beside an array. All of that is found here, once, by trying.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from dlf import dtypes
from dlf.xp import trials
from dlf.xp.names import absent, find, lacking
from dlf.xp.ordering import sorters
from dlf.xp.trials import works
from dlf.xp.writing import writers

__all__ = ["Array", "Kernel", "Library", "library", "wrap_integer"]

Array = Any
Kernel = Callable[..., Any]

_cache: dict[int, Library] = {}
_PYTHON = {"b": bool, "u": int, "i": int, "f": float, "c": complex}


class UnknownDtypeError(TypeError, LookupError):
    """A library's array has a dtype that dlf does not have."""


class _Known(dict[Any, dtypes.dtype]):
    def __missing__(self, native: Any) -> dtypes.dtype:
        raise UnknownDtypeError(f"the library gave an array of {native}, which dlf does not have")


class Library:
    """An array namespace, and what differs between namespaces.

    Args:
        xp: a namespace with the functions of the array API standard, or with NumPy's.
        devices: what the `device` argument of its functions is for each index; None for a library
            that is not told where to put an array.
        checked: whether an index out of range must be refused where the library itself lets it
            pass. That costs a look at the data for each look-up.
        without: names of dtypes that are not to be used, though the library has them.

    A namespace that lacks a function which every kernel needs is a TypeError.

    Attributes:
        native: the library's dtype for each `dlf.dtype` that it has.
        known: the `dlf.dtype` of each of the library's dtypes.
        widest: float64 where the library has it, else float32.
        numpy_like: its arrays have NumPy's dtypes and NumPy's methods.
        reshape: ``reshape(a, shape)``, row-major.
        convert: ``convert(a, native)``: `a` in a dtype of the library's.
        takes_scalars: its functions take a Python number beside an array, and keep the array's
            dtype.
        computes_bools: bools can be added and ordered.
        sums_in_order: it adds the rows of a matrix one after another, so that errors pile up.
        floors: its floor_divide of floats is PyTorch's.
        strict: an index out of range must be refused.
        checked: that is so, and the library itself looks up places that do not exist.
        warns: it warns of infinities and NaN, which are ordinary results, as NumPy does.
        array: makes a result an array, where the library gives scalars for 0-d ones.
        argsort: ``argsort(a, axis)``: the order that sorts `a`, NaN last.
        stable_argsort: the same, equals in their order.
        put: ``put(a, index, src)``: `a` with `src` at `index`, a tuple of integer arrays and
            slices; the arrays' last write wins.
        put_add: the same, but what falls on one place is added up.
        set_slices: the same for an index of slices with positive steps.
        composed: for those of the last four that are put together: the functions that they call.
    """

    def __init__(
        self,
        xp: Any,
        devices: Sequence[Any] = (None,),
        checked: bool = True,
        without: Collection[str] = (),
    ) -> None:
        if missing := lacking(xp):
            raise TypeError(f"the array namespace {xp!r} has no {', no '.join(missing)}")
        self.xp = xp
        self.devices = tuple(devices)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # A library may warn of what is only tried.
            sample = self.zeros((1,))
            self.numpy_like = isinstance(sample.dtype, np.dtype) and hasattr(sample, "astype")
            self.known: dict[Any, dtypes.dtype] = {} if self.numpy_like else _Known()
            self.native = self._find_dtypes(without)
            self.widest = next(d for d in (dtypes.float64, dtypes.float32) if d in self.native)
            self.reshape: Kernel = _reshape if self.numpy_like else xp.reshape
            self.convert: Kernel = _astype if hasattr(sample, "astype") else xp.astype
            scalar = self.zeros(())
            gives_scalars = type(xp.add(scalar, scalar)) is not type(scalar)
            self.array: Kernel = xp.asarray if gives_scalars else _same
            self.takes_scalars = not gives_scalars and works(lambda: trials.scalars(self))
            self.computes_bools = works(lambda: trials.bools(self))
            self.sums_in_order = works(lambda: trials.sums_in_order(self))
            self.floors = works(lambda: trials.floors(self))
            self.warns = not works(lambda: trials.silence(self))
            self.strict = checked
            self.checked = checked and works(lambda: trials.index(self))
            self.argsort, self.stable_argsort, repairs = sorters(self)
            (self.set_slices, self.put, self.put_add), self.composed = writers(self)
            self.composed[self.stable_argsort] = repairs

    # dtypes

    def _find_dtypes(self, without: Collection[str]) -> dict[dtypes.dtype, Any]:
        found = {}
        for name, dtype in dtypes.ALL.items():
            if name in without:
                continue
            native = dtype.numpy if self.numpy_like else self._dtype_named(name)
            if native is not None and works(lambda: self._try_dtype(native)):  # noqa: B023 # now
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
        try:
            if self.known[a.dtype] is dtype:
                return a
        except LookupError:
            pass  # A dtype that only the library has, such as uint32 for places.
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

    def filled(self, shape: tuple[int, ...], value: Any, native: Any, **where: Any) -> Array:
        """`value` everywhere."""
        if not self.numpy_like:
            # Some libraries let the number's kind decide, not the dtype.
            value = _PYTHON[self.known[native].kind](value)
        return self.xp.full(shape, value, dtype=native, **where)

    def copy(self, a: Array) -> Array:
        """`a`'s elements in memory of their own."""
        return a.copy() if self.numpy_like else self.xp.asarray(a, copy=True)

    # functions

    def find(self, name: str) -> Kernel | None:
        """The function of the standard name `name`, or None."""
        function: Kernel | None = find(self.xp, name, others_first=self.numpy_like)
        return function

    def __getitem__(self, name: str) -> Kernel:
        """The function of the standard name `name`; where there is none, one that says so."""
        return self.find(name) or absent(self.xp, name)

    def in_dtype(self, function: Kernel) -> Kernel:
        """`function(a, axis=..., ...)`, a sum or product, with its result in the dtype of `a`."""
        sample = self.zeros((1,))
        if works(lambda: function(sample, axis=0, dtype=sample.dtype)):
            # NumPy and the standard add small integers in larger ones, unless told.
            return lambda a, **how: function(a, dtype=a.dtype, **how)
        return lambda a, **how: self.astype(function(a, **how), self.known[a.dtype])

    def check(self, index: Array, size: int) -> None:
        """IndexError if a place of `index` is outside 0 to `size`, unless the library tells."""
        if self.checked:
            self.refuse(index, size)

    def refuse(self, index: Array, size: int) -> None:
        """IndexError if a place of `index` is outside 0 to `size`."""
        if 0 in index.shape:
            return
        if int(self.xp.min(index)) < 0 or int(self.xp.max(index)) >= size:
            raise IndexError(f"index out of range in self: indices must lie in [0, {size})")


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
