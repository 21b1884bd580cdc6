"""`ArrayNamespaceBackend`: a whole backend from an array library.

A library that has the functions of the array API standard, or NumPy's, gets every primitive from
`dlf.xp`; what its author writes is where its devices are, and what it does better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from .backend import Backend, Caps, Probe
from .boxes import Box, Closing, boxed, boxed_step

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..xp import Library

__all__ = ["ArrayNamespaceBackend"]

Kernel = Callable[..., Any]


class ArrayNamespaceBackend(Backend):
    """A backend over the array namespace `xp`.

    >>> class JaxBackend(ArrayNamespaceBackend):  # doctest: +SKIP
    ...     device_type = "jax"
    ...     xp = jax.numpy
    ...     def devices(self):
    ...         return jax.devices()

    The namespace has the functions of the array API standard, or NumPy's. Its arrays may be
    immutable and need not have views: dlf writes in place by putting a new array in the old one's
    place. `caps` is found by trying which dtypes there are, unless the class sets it. Authors give
    `overrides`, `finish`, `from_numpy` and `to_numpy`; the other methods are dlf's side of them.
    docs/array-namespace.md tells all of it.

    Args:
        xp: the namespace, where the class does not set it.
        device_type: likewise.
    """

    xp: Any = None
    check_indices: bool = True
    """Whether an index out of range raises IndexError where the library itself lets it pass. The
    look at the data makes the host wait for the device."""

    without: frozenset[str] = frozenset()
    """Names of dtypes that the library has and the device is not to have, as where the library
    computes float64 in float32."""
    op_dtypes: Mapping[str, frozenset[str]] = MappingProxyType({})
    """For an op that computes in fewer dtypes than the others: the names of those, as in `Caps`.
    What it says of dtypes that the device does not have is passed over."""

    def __init__(self, xp: Any = None, device_type: str | None = None) -> None:
        from ..xp import Library

        self.xp = self.xp if xp is None else xp
        if self.xp is None:
            raise TypeError(f"{type(self).__name__}: no array namespace; set the attribute xp")
        self.device_type = device_type or self.device_type
        self._places = tuple(self.devices())
        own_caps = isinstance(getattr(self, "caps", None), Caps)
        self._check_dtypes(own_caps)
        self.array_library: Library = Library(
            self.xp, self._places, checked=self.check_indices, without=self.without
        )
        finishes = type(self).finish is not ArrayNamespaceBackend.finish
        self._close = Closing(self.array_library.known, self.finish if finishes else None)
        self._refused: set[Any] = set()
        if not own_caps:
            self.caps = self._found_caps()

    def _check_dtypes(self, own_caps: bool) -> None:
        name = type(self).__name__
        if own_caps and (self.without or self.op_dtypes):
            raise TypeError(f"{name}: `caps` says all; `without` and `op_dtypes` add to found ones")
        wrong = frozenset(self.without).union(*self.op_dtypes.values()) - dtypes.ALL.keys()
        if wrong:
            raise TypeError(
                f"{name}: expected sets of dtype names, such as {{'float64'}}; not names of "
                f"dtypes: {', '.join(sorted(map(repr, wrong)))}"
            )

    def _found_caps(self) -> Caps:
        """What was found by trying, and what the author adds."""
        from ..xp.trials import products

        there = frozenset(dtype.name for dtype in self.array_library.native)
        limits = {"matmul": products(self.array_library)}
        if there - limits["matmul"] <= {"bool"}:
            limits = {}
        limits |= {op: frozenset(names) & there for op, names in self.op_dtypes.items()}
        return Caps(dtypes=there, op_dtypes=limits)

    # for the author

    def devices(self) -> Sequence[Any]:
        """What the `device` argument of the library's functions is, for each index.

        Default: one device, of which the library is not told.
        """
        return (None,)

    def overrides(self) -> Mapping[str, Kernel]:
        """Kernels that the library has itself, by op name, over its own arrays.

        They are used in place of `dlf.xp`'s, and may be kernels of composites too. A function of
        one array that rounds (`erf`, `exp`, `sigmoid` ...) gets 16-bit floats in float32. A
        kernel of an optimizer's step gives a tuple of what is new: for each list that the op
        changes, in their order, the list of its new arrays. `self.shared` has the kernels that they
        replace. Default: none.
        """
        return {}

    @cached_property
    def shared(self) -> Mapping[str, Kernel]:
        """`dlf.xp`'s kernels over the library's own arrays, for use in those of `overrides`."""
        from ..xp import kernels

        table = kernels(self.array_library)
        # Arrays are never written to, so that two boxes may hold one.
        table["copy"] = lambda a: a
        return MappingProxyType(table)

    def finish(self, array: Any) -> Any:
        """What is stored for `array`, which a kernel, `from_numpy` or `assign` gives.

        A lazy library computes it here, as another thread may be the one that reads it. Default:
        `array` itself; it is not called then.
        """
        return array

    def from_numpy(self, host: npt.NDArray[Any], dtype: Any, device: Any) -> Any:
        """An array of the library of its dtype `dtype` on `device`; `host` is not used elsewhere.

        Default: the namespace's ``asarray``.
        """
        place = {} if device is None else {"device": device}
        return self.xp.asarray(host, dtype=dtype, **place)

    def to_numpy(self, a: Any) -> npt.NDArray[Any]:
        """The values of an array of the library. Default: ``numpy.asarray``, else DLPack."""
        try:
            return np.asarray(a)
        except (TypeError, ValueError, RuntimeError):
            return np.from_dlpack(a, device="cpu")

    # for dlf

    def probe(self) -> Probe:
        """Available, since the namespace could be imported."""
        name = getattr(self.xp, "__name__", type(self.xp).__name__)
        return Probe(True, devices=tuple(str(d) if d is not None else name for d in self._places))

    def from_host(self, host: npt.NDArray[Any], dtype: Any, index: int) -> Box:
        """A new array on device `index`; 16-bit floats pass through float32 where they must."""
        with np.errstate(all="ignore"):
            mine = np.array(host, dtype.numpy, order="C", copy=True)
        device, native = self._places[index], self.array_library.native[dtype]
        return self._close.box(self._from_numpy(mine, dtype, native, device), "from_numpy")

    def _from_numpy(self, mine: npt.NDArray[Any], dtype: Any, native: Any, device: Any) -> Any:
        if dtype not in self._refused:
            try:
                return self.from_numpy(mine, native, device)
            except (TypeError, ValueError, RuntimeError):
                if dtype is not dtypes.bfloat16 and dtype is not dtypes.float16:
                    raise
                self._refused.add(dtype)
        single = dtypes.float32
        wide = self.from_numpy(mine.astype(single.numpy), self.array_library.native[single], device)
        return self.array_library.astype(wide, dtype)

    def to_host(self, a: Box) -> npt.NDArray[Any]:
        """A copy of the values."""
        array, dtype = a.array, self.array_library.dtype(a.array)
        if dtype is dtypes.bfloat16 and not self.array_library.numpy_like:
            array = self.array_library.astype(array, dtypes.float32)
        return np.array(self.to_numpy(array), dtype.numpy, order="C", copy=True)

    def assign(self, dst: Box, src: Box) -> None:
        """`src`'s array, broadcast, in the place of `dst`'s."""
        same = src.shape == dst.shape
        if same:
            dst.array = src.array  # It was finished when it was stored.
        else:
            dst.array = self._close(self.xp.broadcast_to(src.array, dst.shape), "assign")

    def dtype_of(self, a: Box) -> Any:
        """The ``dlf.dtype`` of an array."""
        return self.array_library.dtype(a.array)

    def kernels(self) -> Mapping[str, Kernel]:
        """`dlf.xp` over the library, with the author's own kernels in place of its."""
        steps, made = {}, dict(self.shared)
        for name, kernel in self.overrides().items():
            if name.endswith("_step"):
                steps[name] = boxed_step(name, kernel, self._close)
            else:
                made[name] = self._widened(name, kernel)
        if self.array_library.warns:
            made = {name: np.errstate(all="ignore")(kernel) for name, kernel in made.items()}
        return {name: boxed(name, kernel, self._close) for name, kernel in made.items()} | steps

    def _widened(self, name: str, kernel: Kernel) -> Kernel:
        from ..xp.unary import is_rounded

        return self.array_library.accurate(kernel) if is_rounded(name) else kernel
