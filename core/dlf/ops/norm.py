"""Normalization ops: each gives the statistics it used beside its result, which its gradient reads.

With ``h = (x - mean) * rstd``, ``g`` the gradient of ``y = h * weight + bias`` and
``e = g * weight``, the gradient of ``x`` is ``rstd * (e - mean(e) - h * mean(e * h))`` (Ioffe and
Szegedy, 2015).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dlf
from dlf.amp.listed import listed
from dlf.registry import composite

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = [
    "batch_norm",
    "batch_norm_backward",
    "layer_norm",
    "layer_norm_backward",
    "rms_norm",
    "rms_norm_backward",
]


def _last(tensor: Tensor, count: int) -> tuple[int, ...]:
    return tuple(range(tensor.ndim - count, tensor.ndim))


def _leading(tensor: Tensor, count: int) -> tuple[int, ...]:
    return tuple(range(tensor.ndim - count))


def _sum(tensor: Tensor, dims: tuple[int, ...]) -> Tensor:
    """`tensor` summed over `dims`, which may be none."""
    return tensor.sum(dims) if dims else tensor


@composite(inputs=5, outputs=3)
def layer_norm_backward(
    grad: Tensor,
    input: Tensor,
    mean: Tensor,
    rstd: Tensor,
    weight: Tensor | None,
    normalized_ndim: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `layer_norm` by input, weight and bias; the last two also where there is no
    weight.
    """
    dims, rows = _last(input, normalized_ndim), _leading(input, normalized_ndim)
    normal = (input - mean) * rstd
    spread = grad if weight is None else grad * weight
    centred = spread - spread.mean(dims, keepdim=True)
    grad_input = rstd * (centred - normal * (spread * normal).mean(dims, keepdim=True))
    return grad_input, _sum(grad * normal, rows), _sum(grad, rows)


def _layer_norm_vjp(
    g: tuple[Tensor | None, ...],
    out: tuple[Tensor, ...],
    input: Tensor,
    weight: Tensor | None,
    normalized_ndim: int,
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    _, mean, rstd = out
    grad_y, grad_mean, grad_rstd = g
    by_input = by_weight = by_bias = None
    if grad_y is not None:
        by_input, by_weight, by_bias = layer_norm_backward(
            grad_y, input, mean, rstd, weight, normalized_ndim
        )
    # Second derivatives reach the input through the statistics, too.
    count = input[(0,) * (input.ndim - normalized_ndim)].numel()
    if grad_mean is not None:
        more = (grad_mean / count).expand(input.shape)
        by_input = more if by_input is None else by_input + more
    if grad_rstd is not None:
        more = grad_rstd * -rstd.pow(3) * (input - mean) / count
        by_input = more if by_input is None else by_input + more
    return by_input, by_weight, by_bias


@composite(inputs=3, outputs=3, vjp=_layer_norm_vjp)
def layer_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, normalized_ndim: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalize over the last `normalized_ndim` dimensions; gives result, mean and 1 / standard
    deviation.

    The statistics keep the reduced dimensions as 1. `weight` and `bias` have the shape of the
    reduced ones (Ba et al., 2016).
    """
    dims = _last(input, normalized_ndim)
    mean = input.mean(dims, keepdim=True)
    centred = input - mean
    rstd = (centred.square().mean(dims, keepdim=True) + eps).rsqrt()
    normal = centred * rstd
    if weight is not None:
        normal = normal * weight
    return (normal if bias is None else normal + bias), mean, rstd


@composite(inputs=4, outputs=2)
def rms_norm_backward(
    grad: Tensor, input: Tensor, rstd: Tensor, weight: Tensor | None, normalized_ndim: int
) -> tuple[Tensor, Tensor]:
    """Gradients of `rms_norm` by input and weight; the latter also where there is no weight."""
    dims, rows = _last(input, normalized_ndim), _leading(input, normalized_ndim)
    normal = input * rstd
    spread = grad if weight is None else grad * weight
    grad_input = rstd * (spread - normal * (spread * normal).mean(dims, keepdim=True))
    return grad_input, _sum(grad * normal, rows)


def _rms_norm_vjp(
    g: tuple[Tensor | None, ...],
    out: tuple[Tensor, ...],
    input: Tensor,
    weight: Tensor | None,
    normalized_ndim: int,
) -> tuple[Tensor | None, Tensor | None]:
    rstd = out[1]
    grad_y, grad_rstd = g
    by_input = by_weight = None
    if grad_y is not None:
        by_input, by_weight = rms_norm_backward(grad_y, input, rstd, weight, normalized_ndim)
    if grad_rstd is not None:
        count = input[(0,) * (input.ndim - normalized_ndim)].numel()
        more = grad_rstd * -rstd.pow(3) * input / count
        by_input = more if by_input is None else by_input + more
    return by_input, by_weight


@composite(inputs=2, outputs=2, vjp=_rms_norm_vjp)
def rms_norm(
    input: Tensor, weight: Tensor | None, normalized_ndim: int, eps: float
) -> tuple[Tensor, Tensor]:
    """Divide by the root of the mean square over the last dimensions; gives result and 1 / root.

    (Zhang and Sennrich, 2019.)
    """
    rstd = (input.square().mean(_last(input, normalized_ndim), keepdim=True) + eps).rsqrt()
    normal = input * rstd
    return (normal if weight is None else normal * weight), rstd


def per_channel(values: Tensor, ndim: int) -> Tensor:
    """``(C,)`` values as ``(1, C, 1, ...)`` of `ndim` dimensions."""
    return values.reshape(1, -1, *[1] * (ndim - 2))


def _channelwise(tensor: Tensor) -> tuple[int, ...]:
    return (0, *range(2, tensor.ndim))


@composite(inputs=5, outputs=3)
def batch_norm_backward(
    grad: Tensor, input: Tensor, mean: Tensor, var: Tensor, weight: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `batch_norm` by input, weight and bias; the last two also where there is no
    weight.
    """
    dims = _channelwise(input)
    count = input.numel() // input.shape[1]
    rstd = per_channel((var + eps).rsqrt(), input.ndim)
    normal = (input - per_channel(mean, input.ndim)) * rstd
    by_bias = grad.sum(dims)
    by_weight = (grad * normal).sum(dims)
    shared = per_channel(by_bias, input.ndim) + normal * per_channel(by_weight, input.ndim)
    scale = rstd if weight is None else rstd * per_channel(weight, input.ndim)
    return scale * (grad - shared / count), by_weight, by_bias


def _batch_norm_vjp(
    g: tuple[Tensor | None, ...],
    out: tuple[Tensor, ...],
    input: Tensor,
    weight: Tensor | None,
    eps: float,
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    _, mean, var = out
    grad_y, grad_mean, grad_var = g
    by_input = by_weight = by_bias = None
    if grad_y is not None:
        by_input, by_weight, by_bias = batch_norm_backward(grad_y, input, mean, var, weight, eps)
    count = input.numel() // input.shape[1]
    if grad_mean is not None:
        more = per_channel(grad_mean / count, input.ndim).expand(input.shape)
        by_input = more if by_input is None else by_input + more
    if grad_var is not None:
        centred = input - per_channel(mean, input.ndim)
        more = per_channel(grad_var * (2 / count), input.ndim) * centred
        by_input = more if by_input is None else by_input + more
    return by_input, by_weight, by_bias


@composite(inputs=3, outputs=3, vjp=_batch_norm_vjp)
def batch_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalize every channel of ``(N, C, ...)`` by its own statistics; gives result, mean and
    variance.

    Mean and (biased) variance have the shape ``(C,)`` (Ioffe and Szegedy, 2015).
    """
    dims = _channelwise(input)
    mean = input.mean(dims)
    centred = input - per_channel(mean, input.ndim)
    var = centred.square().mean(dims)
    scale = (var + eps).rsqrt()
    if weight is not None:
        scale = scale * weight
    result = centred * per_channel(scale, input.ndim)
    return (result if bias is None else result + per_channel(bias, input.ndim)), mean, var


@listed
def batch_norm_inference(
    input: Tensor,
    mean: Tensor,
    var: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> Tensor:
    """Normalize every channel of ``(N, C, ...)`` by given statistics."""
    scale = dlf.rsqrt(var + eps)
    if weight is not None:
        scale = scale * weight
    shift = -mean * scale
    if bias is not None:
        shift = shift + bias
    return input * per_channel(scale, input.ndim) + per_channel(shift, input.ndim)
