"""The optional group ``random``: what a device draws by itself, at a place in a stream.

`seed`, 64 bits, names a stream of numbers, and `offset`, 64 bits too, a place in it. A draw of n
numbers reaches over ``ceil(n / 4)`` of the offset. The same place gives the same numbers, and
places that do not overlap give numbers that are independent of each other.

Where a device has no kernel, the ops draw on the host, by a generator of that place alone. Core
calls them there for nothing but what is given a place, such as `dropout`: without the group, draws
are those of `dlf.draws`.

The functions of this module reserve a place of a generator of such a device, and draw there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from .. import draws, dtypes
from ..claims import check_stored
from ..devices import cpu, resolve
from ..generator import of_place
from ..registry import Op, registry
from ..tensor import Tensor, wrap
from .creation import from_host

if TYPE_CHECKING:
    from ..devices import device as Device
    from ..generator import Generator

__all__ = ["integers", "normal", "uniform", "uniform_at"]

Shape = tuple[int, ...]


def _declared(name: str, *attributes: str, by_host: Callable[..., Any], doc: str) -> Op:
    params = ("shape", *attributes, "dtype", "seed", "offset", "index")

    def decompose(shape: Shape, *rest: Any) -> Tensor:
        *values, dtype, seed, offset, _ = rest
        drawn = by_host(shape, *values, dtype, of_place(seed, offset))
        return from_host(drawn, dtype, resolve(cpu))

    return registry.add(Op(name, params, 0, kind="random", decompose=decompose, doc=doc))


_uniform = _declared(
    "random_uniform",
    by_host=lambda shape, *rest: draws.uniform_array(shape, 0.0, 1.0, *rest),
    doc="Numbers of [0, 1), spread evenly, of the stream `seed` from the place `offset` on.",
)
_normal = _declared(
    "random_normal",
    by_host=lambda shape, *rest: draws.normal_array(shape, 0.0, 1.0, *rest),
    doc="Normal numbers of mean 0 and variance 1, likewise.",
)
_integers = _declared(
    "random_integers",
    "low",
    "high",
    by_host=draws.integers_array,
    doc="Integers of [low, high), spread evenly, likewise.",
)


def _drawn(
    op: Op, shape: Shape, *attributes: Any, dtype: dtypes.dtype, device: Device, place: Any
) -> Tensor:
    check_stored(device, dtype)
    kernel, args = device.table[op.slot], (shape, *attributes, dtype, *place, device.index or 0)
    if kernel is not None:
        return wrap(kernel(*args), dtype, device)
    assert op.decompose is not None
    made: Tensor = op.decompose(*args)
    return made.to(device)


def uniform_at(
    shape: Sequence[int], dtype: dtypes.dtype, device: Device, seed: int, offset: int
) -> Tensor:
    """Numbers of [0, 1) of a floating dtype, from a place that was reserved."""
    return _drawn(_uniform, tuple(shape), dtype=dtype, device=device, place=(seed, offset))


def uniform(
    shape: Sequence[int], dtype: dtypes.dtype, device: Device, generator: Generator
) -> Tensor:
    """Numbers of [0, 1) of a floating dtype."""
    return uniform_at(shape, dtype, device, *generator._reserve(prod(shape)))


def normal(
    shape: Sequence[int], dtype: dtypes.dtype, device: Device, generator: Generator
) -> Tensor:
    """Normal numbers of a floating dtype."""
    place = generator._reserve(prod(shape))
    return _drawn(_normal, tuple(shape), dtype=dtype, device=device, place=place)


def integers(
    shape: Sequence[int],
    low: int,
    high: int,
    dtype: dtypes.dtype,
    device: Device,
    generator: Generator,
) -> Tensor:
    """Integers of [low, high) of an integral dtype that holds them."""
    place = generator._reserve(prod(shape))
    return _drawn(_integers, tuple(shape), low, high, dtype=dtype, device=device, place=place)
