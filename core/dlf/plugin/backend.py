"""`Backend`: what a device is to dlf."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Backend", "Caps", "Probe"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Caps:
    """What a backend claims. What is claimed is tested to work; what is not, to be refused.

    Args:
        dtypes: names of the dtypes that can be stored, such as ``{"float32", "int64"}``.
        op_dtypes: for an op that computes in fewer dtypes than can be stored: those it computes in.
        features: names of further properties; ``"views"``: movement kernels alias their input;
            ``"asynchronous"``: reading a value makes the host wait, so that indices are not checked
            before they are used.
    """

    dtypes: frozenset[str]
    op_dtypes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    features: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name in ("dtypes", "features"):
            object.__setattr__(self, name, _names(name, getattr(self, name)))
        limited = {op: _names(op, dtypes) for op, dtypes in dict(self.op_dtypes).items()}
        object.__setattr__(self, "op_dtypes", MappingProxyType(limited))


def _names(field: str, names: Iterable[str]) -> frozenset[str]:
    if isinstance(names, str):
        raise TypeError(f"Caps: {field}={names!r} is one string; expected a set of names")
    return frozenset(names)


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether a backend's devices can be used on this machine.

    Args:
        ok: whether at least one can.
        reason: where not, why not, in a line that tells the user what to do.
        devices: a description of each device, in the order of their indices.
    """

    ok: bool
    reason: str = ""
    devices: tuple[str, ...] = ()


class Backend(ABC):
    """A device type: how tensors get there and back, and the kernels that run on them.

    A subclass sets `device_type` and `caps` and gives the abstract methods; every op that it has no
    kernel for runs by its decomposition, or on the host where the fallback policy permits. Arrays
    are the backend's own objects: dlf reads their ``shape``, a tuple of ints, and nothing else. The
    class is called without arguments, once a process.
    """

    device_type: str
    caps: Caps
    services: Mapping[str, object] = _NOTHING
    """Optional services by name, such as ``"rng"``; what is absent has a default."""

    @abstractmethod
    def probe(self) -> Probe:
        """Whether the devices can be used; quick, and without side effects."""

    @abstractmethod
    def from_host(self, host: npt.NDArray[Any], dtype: Any, index: int) -> Any:
        """A new array of dtype `dtype`, a ``dlf.dtype``, on device `index` with `host`'s values."""

    @abstractmethod
    def to_host(self, a: Any) -> npt.NDArray[Any]:
        """The values of `a` as a NumPy array of the same shape and dtype."""

    @abstractmethod
    def assign(self, dst: Any, src: Any) -> None:
        """Write `src`, of `dst`'s dtype and broadcastable to its shape, into `dst`."""

    def to_index(self, a: Any, index: int) -> Any:
        """A copy of `a` on device `index` of this type, another than its own.

        It has the values that `a` has when the calling thread's current stream of `a`'s device gets
        there: what is queued there now is done before, and what is queued later, writes to `a`
        among it, comes after. The current stream of device `index` finds the copy complete. The
        host need not wait. Default: over the host, which waits.
        """
        from ..dtypes import from_numpy

        host = self.to_host(a)
        return self.from_host(host, from_numpy(host.dtype), index)

    def kernels(self) -> Mapping[str, Callable[..., Any]]:
        """Kernels by op name: ``kernel(*arrays, *attributes) -> array``. Default: none."""
        return _NOTHING

    def device_count(self) -> int:
        """Number of devices, as its probe names them."""
        return len(self.probe().devices)

    def dtype_of(self, a: Any) -> Any:
        """The ``dlf.dtype`` of an array. Default: that of its host copy, which is slow.

        Asked where `caps.op_dtypes` limits an op, and for error messages.
        """
        from ..dtypes import from_numpy

        return from_numpy(self.to_host(a).dtype)

    def shares_memory(self, a: Any, b: Any) -> bool:
        """Whether two arrays lie in the same memory; needed where `caps` has ``"views"``."""
        raise NotImplementedError(
            f"{type(self).__name__} has the feature 'views' and must give shares_memory(a, b)"
        )
