"""Keep gradients small: by their norm, or value by value."""

from __future__ import annotations

import math
from collections.abc import Iterable

import dlf
from dlf.tensor import Tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]

Tensors = Tensor | Iterable[Tensor]


def _as_list(tensors: Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _gradients(parameters: Iterable[Tensor]) -> list[Tensor]:
    return [p.grad for p in parameters if p.grad is not None]


def _norm(tensor: Tensor, norm_type: float) -> Tensor:
    """The p-norm of all elements, in the tensor's dtype, 0-d."""
    flat: Tensor = tensor.detach().reshape(-1)
    norm: Tensor
    if flat.numel() == 0:
        norm = flat.new_zeros(())
    elif norm_type == math.inf:
        norm = flat.abs().amax()
    elif norm_type == -math.inf:
        norm = flat.abs().amin()
    elif norm_type == 0:
        norm = (flat != 0).sum().to(flat.dtype)
    elif norm_type == 1:
        norm = flat.abs().sum()
    elif norm_type == 2:
        norm = (flat * flat).sum().sqrt()
    else:
        norm = (flat.abs() ** norm_type).sum() ** (1.0 / norm_type)
    return norm


def get_total_norm(
    tensors: Tensors,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of the norms of all tensors, that is, of all their elements together.

    Args:
        tensors: one or more tensors, on any devices.
        norm_type: p; inf for the largest magnitude. Default: 2.
        error_if_nonfinite: whether inf or NaN is an error. Default: False.
        foreach: accepted for PyTorch's sake; no result depends on it.

    Raises:
        RuntimeError: the norm is not finite, and `error_if_nonfinite`.
    """
    items = _as_list(tensors)
    norm_type = float(norm_type)
    if not items:
        return dlf.tensor(0.0)
    with dlf.no_grad():
        device = items[0].device
        norms = dlf.stack([_norm(item, norm_type).to(device) for item in items])
        total = _norm(norms, norm_type)
    if error_if_nonfinite and not bool(total.isfinite()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, "
            "so it cannot be clipped. To disable this error and scale the gradients by the "
            "non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale all gradients by max_norm / (total_norm + 1e-6) in place, if that is below 1."""
    with dlf.no_grad():
        factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
        for grad in _gradients(_as_list(parameters)):
            grad.mul_(factor.to(grad.device))


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients in place so that their total norm is at most `max_norm`.

    Args:
        parameters: one or more tensors with gradients; those without are passed over.
        max_norm: the largest norm that stays.
        norm_type: p; inf for the largest magnitude. Default: 2.
        error_if_nonfinite: whether inf or NaN is an error. Default: False.
        foreach: accepted for PyTorch's sake; no result depends on it.

    Returns:
        The total norm before the scaling, 0-d.

    Raises:
        RuntimeError: the norm is not finite, and `error_if_nonfinite`.
    """
    items = _as_list(parameters)
    total = get_total_norm(_gradients(items), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(items, max_norm, total)
    return total


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Cut all gradients in place to [-clip_value, clip_value]."""
    limit = float(clip_value)
    with dlf.no_grad():
        for grad in _gradients(_as_list(parameters)):
            grad.clamp_(min=-limit, max=limit)
