"""The tensors that are alive on a card, for messages about memory."""

from __future__ import annotations

import gc
from typing import Any

from dlf_cupy_gpu.sizes import readable

__all__ = ["largest"]


def largest(index: int, count: int) -> list[str]:
    """A line for each of the `count` largest tensors on card `index`; views of one count once."""
    from dlf.tensor import Tensor

    found: dict[int, tuple[int, str]] = {}
    for one in gc.get_objects():
        # Dead proxies may raise at any question that is asked of them.
        if type(one) is not Tensor and not issubclass(type(one), Tensor):
            continue
        device = getattr(one, "device", None)
        if device is None or device.type != "cuda" or (device.index or 0) != index:
            continue
        size, place = _extent(one._data)
        if size > found.get(place, (0, ""))[0]:
            shape = "x".join(map(str, one._data.shape)) or "one number"
            found[place] = size, f"{readable(size)} ({shape}, {one.dtype.name})"
    ordered = sorted(found.values(), reverse=True)
    return [text for _, text in ordered[:count]]


def _extent(array: Any) -> tuple[int, int]:
    """The bytes of an array's elements, and the memory that they lie in."""
    return int(array.nbytes), int(array.data.mem.ptr)
