"""The autograd function that module hooks use to see gradients pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dlf.autograd.function import Function
from dlf.tensor import Tensor

__all__ = ["Boundary"]

Gradients = tuple[Tensor | None, ...]


class Boundary(Function):
    """Identity on any number of tensors that hands their gradients to a callback."""

    @staticmethod
    def forward(
        ctx: Any, on_gradient: Callable[[Gradients], Gradients], *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.on_gradient = on_gradient
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Gradients:
        return (None, *ctx.on_gradient(grads))
