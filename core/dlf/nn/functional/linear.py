"""Affine maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlf.ops import linear as ops

from ._check import same_dtype

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = ["bilinear", "linear"]


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``.

    Shapes: ``(..., in), (out, in), (out,) -> (..., out)``; a 1-D `weight` gives ``(...)``.
    RuntimeError if the sizes or dtypes do not fit.
    """
    wanted = weight._data.shape
    given = input._data.shape
    if not given or not wanted or given[-1] != wanted[-1] or len(wanted) > 2:
        raise RuntimeError(
            f"linear: input of shape {list(given)} cannot be multiplied with weight of shape "
            f"{list(wanted)}; the last dimensions must be equal"
        )
    if input.dtype is not weight.dtype or (bias is not None and bias.dtype is not input.dtype):
        same_dtype("linear", input=input, weight=weight, bias=bias)
    if len(wanted) == 1:
        product = input @ weight
        return product if bias is None else product + bias
    result: Tensor = ops.linear(input, weight, bias)
    return result


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input1 @ weight[o] @ input2 + bias``.

    Shapes: ``(..., a), (..., b), (out, a, b), (out,) -> (..., out)``. RuntimeError if the sizes do
    not fit.
    """
    if weight.ndim != 3 or (input1.shape[-1], input2.shape[-1]) != tuple(weight.shape[1:]):
        raise RuntimeError(
            f"bilinear: inputs of shape {list(input1.shape)} and {list(input2.shape)} do not fit "
            f"weight of shape {list(weight.shape)}"
        )
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(
            "bilinear: the inputs must have equal leading dimensions, got "
            f"{list(input1.shape)} and {list(input2.shape)}"
        )
    result: Tensor = ops.bilinear(input1, input2, weight, bias)
    return result
