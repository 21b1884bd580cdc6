"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

import dlf
from dlf.tensor import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters in one 1-D tensor.

    Raises:
        TypeError: the parameters are not all on one device.
    """
    items = list(parameters)
    _check_one_device(items)
    return dlf.cat([item.reshape(-1) for item in items])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Make the parameters views of consecutive parts of `vec`.

    Raises:
        TypeError: `vec` is not a tensor, or the parameters are not all on one device.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected dlf.Tensor, but got: {type(vec).__name__}")
    items = list(parameters)
    _check_one_device(items)
    start = 0
    for item in items:
        end = start + item.numel()
        item.data = vec.detach()[start:end].reshape(item.shape)
        start = end


def _check_one_device(tensors: list[Tensor]) -> None:
    if any(tensor.device != tensors[0].device for tensor in tensors):
        raise TypeError(
            "Found two parameters on different devices, this is currently not supported."
        )
