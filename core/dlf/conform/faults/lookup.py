"""Faults of kernels that read or write at places given by an index."""

from __future__ import annotations

from typing import Any

import numpy as np

from .fault import Array, Fault, Hands, Kernel
from .plants import altered, called, hosted

__all__ = ["FAULTS"]


def _at(index: Array, dim: int) -> tuple[Any, ...]:
    places: list[Any] = list(np.indices(index.shape, sparse=True))
    places[dim] = index
    return tuple(places)


def _cropped(src: Array, index: Array) -> Array:
    return src[tuple(slice(n) for n in index.shape)]


def _added_once(a: Array, index: Array, src: Array, dim: int) -> Array:
    out = np.atleast_1d(a).copy()
    out[(slice(None),) * dim + (index,)] += src.reshape(-1) if a.ndim == 0 else src
    return out.reshape(a.shape)


def _scattered_once(a: Array, index: Array, src: Array, dim: int) -> Array:
    if not a.ndim:
        return _scattered_once(a.reshape(1), index.reshape(-1), src.reshape(-1), 0).reshape(())
    out = a.copy()
    if index.size:
        out[_at(index, dim)] += _cropped(src, index)
    return out


def _added(out: Array, a: Array, index: Array, src: Array, dim: int) -> Array:
    return _scattered_once(a, index, src, dim) if a.ndim else out


def _from_flat(out: Array, a: Array, index: Array, src: Array, dim: int) -> Array:
    if not a.ndim or not index.size or src.shape == index.shape:
        return out
    wrong = a.copy()
    wrong[_at(index, dim)] = src.reshape(-1)[: index.size].reshape(index.shape)
    return wrong


def _gather_flat(out: Array, a: Array, index: Array, dim: int) -> Array:
    # The positions along the other dims are read off as if the input had the index's shape.
    if not a.ndim or not index.size or a.shape == index.shape:
        return out
    sizes = [n if d == dim else index.shape[d] for d, n in enumerate(a.shape)]
    return np.take_along_axis(a.reshape(-1)[: int(np.prod(sizes))].reshape(sizes), index, dim)


def _first_dim(out: Array, a: Array, index: Array, dim: int) -> Array:
    if a.ndim < 2 or dim == 0 or not out.size:
        return out
    along = np.indices(index.shape, sparse=True)
    places: list[Any] = [along[d] % n for d, n in enumerate(a.shape)]
    places[0] = index % a.shape[0]
    wrong: Array = a[tuple(places)]
    return wrong


def _accumulated(out: Array, a: Array, index: Array, src: Array, dim: int) -> Array:
    return _added_once(a, index, src, dim) if a.ndim else out


def _empty_aliases(kernel: Kernel, a: Any, index: Any, *rest: Any) -> Any:
    return kernel(a, index, *rest) if all(index.shape) else a


def _in_place(kernel: Kernel, hands: Hands) -> Kernel:
    def faulty(a: Any, *rest: Any) -> Any:
        result = kernel(a, *rest)
        hands.device.backend.assign(a, result)
        return result

    return faulty


def _in_half(kernel: Kernel, hands: Hands) -> Kernel:
    def faulty(a: Any, index: Any, src: Any, dim: int) -> Any:
        host, places, values = hands.down(a), hands.down(index), hands.down(src)
        if host.dtype != np.float16 or host.ndim == 0:
            return kernel(a, index, src, dim)
        out = host.copy()
        np.add.at(out, (slice(None),) * dim + (places,), values)
        return hands.up(out)

    return faulty


FAULTS = (
    Fault(
        "scatter/empty-aliases",
        "scatter",
        called(_empty_aliases),
        "with nothing to write the input itself is returned",
    ),
    Fault(
        "index_add/empty-aliases",
        "index_add",
        called(_empty_aliases),
        "with nothing to add the input itself is returned",
    ),
    Fault(
        "take/flat-index",
        "take",
        lambda kernel, hands: (
            lambda a, index, dim: hands.up(
                np.take(hands.down(a), hands.down(index).reshape(-1), dim)
            )
        ),
        "an index of two dimensions is laid flat in the result",
    ),
    Fault(
        "take/from-the-end",
        "take",
        altered(lambda out, a, index, dim: np.take(a, -index, dim) if a.shape[dim:] else out),
        "the index counts from the end",
    ),
    Fault(
        "take/clamped-by-one",
        "take",
        altered(
            lambda out, a, index, dim: (
                np.take(a, np.minimum(index, max(a.shape[dim] - 2, 0)), dim) if out.size else out
            )
        ),
        "the bound that an index is kept within is one too small",
    ),
    Fault("index_add/duplicates", "index_add", hosted(_added_once), "of equal places one is added"),
    Fault(
        "index_add/float16",
        "index_add",
        _in_half,
        "float16 is accumulated in float16",
        groups=("system",),
    ),
    Fault("index_add/in-place", "index_add", _in_place, "the input is written, too"),
    Fault(
        "index_copy/adds", "index_copy", altered(_accumulated), "values are added to what is there"
    ),
    Fault("index_copy/in-place", "index_copy", _in_place, "the input is written, too"),
    Fault(
        "gather/first-dim",
        "gather",
        altered(_first_dim),
        "it reads along the first dim, whatever dim is asked for",
    ),
    Fault(
        "gather/smaller-index",
        "gather",
        altered(_gather_flat),
        "an index smaller than the input reads the wrong rows",
    ),
    Fault("scatter/adds", "scatter", altered(_added), "values are added to what is there"),
    Fault(
        "scatter/larger-source",
        "scatter",
        altered(_from_flat),
        "a source larger than the index is read as one run",
    ),
    Fault("scatter/in-place", "scatter", _in_place, "the input is written, too"),
    Fault(
        "scatter_add/duplicates",
        "scatter_add",
        hosted(_scattered_once),
        "of equal places one is added",
    ),
)
