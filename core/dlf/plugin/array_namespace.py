"""`ArrayNamespaceBackend`: a whole backend from an array library.

A library that has the functions of the array API standard, or NumPy's, gets every primitive from
`dlf.xp`; what its author writes is where its devices are, and what it does better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from .backend import Backend, Caps, Probe
from .boxes import Box, boxed, boxed_step

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
    place. `caps` is found by trying which dtypes there are, unless the class sets it.

    Args:
        xp: the namespace, where the class does not set it.
        device_type: likewise.
    """

    xp: Any = None
    check_indices: bool = True
    """Whether an index out of range raises IndexError where the library itself lets it pass. The
    look at the data makes the host wait for the device."""

    def __init__(self, xp: Any = None, device_type: str | None = None) -> None:
        from ..xp import Library

        self.xp = self.xp if xp is None else xp
        if self.xp is None:
            raise TypeError(f"{type(self).__name__}: no array namespace; set the attribute xp")
        self.device_type = device_type or self.device_type
        self._places = tuple(self.devices())
        self.array_library: Library = Library(self.xp, self._places, checked=self.check_indices)
        self._refused: set[Any] = set()
        self._host_dtypes = {dtype.name: dtype for dtype in self.array_library.native}
        if not isinstance(getattr(self, "caps", None), Caps):
            self.caps = Caps(dtypes=frozenset(self._host_dtypes))

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
        changes, in their order, the list of its new arrays. Default: none.
        """
        return {}

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
        if dtype not in self._refused:
            try:
                return Box(self.from_numpy(mine, native, device))
            except (TypeError, ValueError, RuntimeError):
                if dtype is not dtypes.bfloat16 and dtype is not dtypes.float16:
                    raise
                self._refused.add(dtype)
        single = dtypes.float32
        wide = self.from_numpy(mine.astype(single.numpy), self.array_library.native[single], device)
        return Box(self.array_library.astype(wide, dtype))

    def to_host(self, a: Box) -> npt.NDArray[Any]:
        """A copy of the values."""
        array, dtype = a.array, self.array_library.dtype(a.array)
        if dtype is dtypes.bfloat16 and not self.array_library.numpy_like:
            array = self.array_library.astype(array, dtypes.float32)
        return np.array(self.to_numpy(array), dtype.numpy, order="C", copy=True)

    def assign(self, dst: Box, src: Box) -> None:
        """`src`'s array, broadcast, in the place of `dst`'s."""
        same = src.shape == dst.shape
        dst.array = src.array if same else self.xp.broadcast_to(src.array, dst.shape)

    def kernels(self) -> Mapping[str, Kernel]:
        """`dlf.xp` over the library, with the author's own kernels in place of its."""
        from ..xp import kernels

        table = kernels(self.array_library)
        # Arrays are never written to, so that two boxes may hold one.
        table["copy"] = lambda a: a
        steps, made = {}, dict(table)
        for name, kernel in self.overrides().items():
            if name.endswith("_step"):
                steps[name] = boxed_step(name, kernel)
            else:
                made[name] = self._widened(name, kernel)
        if self.array_library.warns:
            made = {name: np.errstate(all="ignore")(kernel) for name, kernel in made.items()}
        return {name: boxed(kernel) for name, kernel in made.items()} | steps

    def _widened(self, name: str, kernel: Kernel) -> Kernel:
        from ..xp.unary import is_rounded

        return self.array_library.accurate(kernel) if is_rounded(name) else kernel
