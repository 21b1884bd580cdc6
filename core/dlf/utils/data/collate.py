"""`default_collate` and `default_convert`: from samples to a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import dlf
from dlf.tensor import Tensor

__all__ = ["default_collate", "default_convert"]

_EXPECTED = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def default_collate(batch: Sequence[Any]) -> Any:
    """Join samples into a batch with a new first dimension.

    Tensors and NumPy arrays are stacked, numbers become a tensor (floats of dtype float64), strings
    and bytes stay a list. Mappings, named tuples and sequences are joined entry by entry and keep
    their type; plain tuples become lists.

    Raises:
        TypeError: samples of another type.
        RuntimeError: tensors of different shapes, or sequences of different lengths.
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return dlf.stack(list(batch), 0)
    if isinstance(first, (np.ndarray, np.generic)):
        return _arrays(batch)
    if isinstance(first, float):
        return dlf.tensor(list(batch), dtype=dlf.float64)
    if isinstance(first, int):
        return dlf.tensor(list(batch))
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _like(
            first, {key: default_collate([sample[key] for sample in batch]) for key in first}
        )
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(column) for column in _columns(batch)))
    if isinstance(first, Sequence):
        joined = [default_collate(column) for column in _columns(batch)]
        return joined if isinstance(first, tuple) else _like(first, joined)
    raise TypeError(_EXPECTED.format(type(first)))


def _columns(batch: Sequence[Any]) -> list[tuple[Any, ...]]:
    sizes = {len(sample) for sample in batch}
    if len(sizes) > 1:
        raise RuntimeError(
            f"each element in list of batch should be of equal size; sizes {sorted(sizes)} were "
            "found"
        )
    return list(zip(*batch, strict=True))


def _arrays(batch: Sequence[Any]) -> Tensor:
    dtype = np.asarray(batch[0]).dtype
    if dtype.kind in "SUOMm":
        raise TypeError(_EXPECTED.format(dtype))
    return dlf.from_numpy(np.stack([np.asarray(a) for a in batch]))


def _like(sample: Any, content: Any) -> Any:
    """`content` in the type of `sample`, or as it is where that type cannot be made from it."""
    if type(sample) in (dict, list):
        return content
    try:
        return type(sample)(content)
    except TypeError:
        return content


def default_convert(data: Any) -> Any:
    """Turn NumPy arrays within `data` into tensors that share their memory; all else stays."""
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        array = np.asarray(data)
        return data if array.dtype.kind in "SUOMm" else dlf.from_numpy(array)
    return map_structure(default_convert, data)


def map_structure(function: Callable[[Any], Any], data: Any) -> Any:
    """`data` with `function` applied to the entries of its mappings and sequences; plain tuples
    become lists."""
    if isinstance(data, Mapping):
        return _like(data, {key: function(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(function(value) for value in data))
    if isinstance(data, tuple):
        return [function(value) for value in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _like(data, [function(value) for value in data])
    return data
