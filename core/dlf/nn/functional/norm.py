"""Normalization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dlf
from dlf.amp.listed import listed
from dlf.ops import norm as ops

from .pad import pad
from .pool import avg_pool2d, avg_pool3d

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
]


def _check_several(input: Tensor) -> None:
    if input.numel() == input.shape[1]:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {input.shape}"
        )


def _check_channels(name: str, channels: int, **values: Tensor | None) -> None:
    for label, value in values.items():
        if value is not None and value.numel() != channels:
            raise RuntimeError(
                f"{name}: {label} should contain {channels} elements not {value.numel()}"
            )


def _update(running: Tensor | None, now: Tensor, momentum: float) -> None:
    if running is not None:
        with dlf.no_grad():
            fresh = now.detach().to(running.dtype)
            running.copy_(running * (1 - momentum) + fresh * momentum)


def _unbiased(var: Tensor, count: int) -> Tensor:
    return var * (count / max(count - 1, 1))


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize every channel of ``(N, C, ...)`` (Ioffe and Szegedy, 2015).

    In training by the batch's own statistics, and the running ones, where given, move towards these
    (the variance without bias) by the share `momentum`; else by the running ones. ValueError in
    training with one value a channel, RuntimeError if sizes do not fit.
    """
    if input.ndim < 2:
        raise RuntimeError(f"batch_norm: expected input of at least 2 dimensions, got {input.ndim}")
    if training:
        _check_several(input)
    elif running_mean is None or running_var is None:
        raise RuntimeError(
            "Expected running_mean and running_var to be defined when training=False"
        )
    _check_channels(
        "batch_norm",
        input.shape[1],
        running_mean=running_mean,
        running_var=running_var,
        weight=weight,
        bias=bias,
    )
    if not training:
        assert running_mean is not None and running_var is not None
        return ops.batch_norm_inference(input, running_mean, running_var, weight, bias, eps)
    result: Tensor
    result, mean, var = ops.batch_norm(input, weight, bias, eps)
    _update(running_mean, mean, momentum)
    if running_var is not None:
        _update(running_var, _unbiased(var, input.numel() // input.shape[1]), momentum)
    return result


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize every channel of every sample of ``(N, C, ...)`` (Ulyanov et al., 2016).

    Without `use_input_stats` by the running statistics; with it these move, where given, towards
    the means over the batch. ValueError with one value a channel.
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    count = 1
    for size in input.shape[2:]:
        count *= size
    if count == 1:
        raise ValueError(
            "Expected more than 1 spatial element when training, got input size "
            f"{list(input.shape)}"
        )
    samples, channels = input.shape[:2]
    _check_channels("instance_norm", channels, weight=weight, bias=bias)
    merged = input.reshape(1, samples * channels, *input.shape[2:])
    result, mean, var = ops.batch_norm(merged, None, None, eps)
    _update(running_mean, mean.reshape(samples, channels).mean(0), momentum)
    _update(running_var, _unbiased(var, count).reshape(samples, channels).mean(0), momentum)
    return _affine(result.reshape(input.shape), weight, bias)


def _affine(normal: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Scale and shift by channel."""
    if weight is not None:
        normal = normal * ops.per_channel(weight, normal.ndim)
    return normal if bias is None else normal + ops.per_channel(bias, normal.ndim)


def _check_normalized(
    name: str, input: Tensor, normalized_shape: Sequence[int], **values: Tensor | None
) -> int:
    shape = tuple(normalized_shape)
    if not shape:
        raise RuntimeError(
            f"{name}: expected normalized_shape to be at least 1-dimensional, got {list(shape)}"
        )
    if tuple(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, "
            f"{', '.join(map(str, shape))}], but got input of size{list(input.shape)}"
        )
    for label, value in values.items():
        if value is not None and tuple(value.shape) != shape:
            raise RuntimeError(
                f"Expected {label} to be of same shape as normalized_shape, but got {label} of "
                f"shape {list(value.shape)} and normalized_shape = {list(shape)}"
            )
    return len(shape)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize over the last dimensions, whose sizes are `normalized_shape` (Ba et al., 2016).

    `weight` and `bias` have that shape. RuntimeError if the shapes do not fit.
    """
    ndim = _check_normalized("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    result: Tensor = ops.layer_norm(input, weight, bias, ndim, eps)[0]
    return result


def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Divide by the root mean square over the last dimensions (Zhang and Sennrich, 2019).

    `eps` None is the machine epsilon of the input's dtype.
    """
    ndim = _check_normalized("rms_norm", input, normalized_shape, weight=weight)
    if eps is None:
        eps = float(dlf.finfo(input.dtype).eps)
    result: Tensor = ops.rms_norm(input, weight, ndim, eps)[0]
    return result


@listed
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize groups of channels of every sample of ``(N, C, ...)`` (Wu and He, 2018).

    ``num_groups`` must divide C (RuntimeError).
    """
    if input.ndim < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {input.ndim}"
        )
    samples, channels = input.shape[:2]
    if num_groups <= 0 or channels % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(input.shape)} and num_groups={num_groups}"
        )
    _check_channels("group_norm", channels, weight=weight, bias=bias)
    per_sample = 1
    for size in input.shape[1:]:
        per_sample *= size
    if samples * per_sample == num_groups * samples and samples == 1 and num_groups == channels:
        _check_several(input)
    grouped = input.reshape(samples, num_groups, per_sample // num_groups)
    normal = ops.layer_norm(grouped, None, None, 1, eps)[0]
    return _affine(normal.reshape(input.shape), weight, bias)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide by a power of the mean square of `size` neighbouring channels (Krizhevsky et al.,
    2012).
    """
    if input.ndim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)"
        )
    if input.numel() == 0:
        return input
    squares = input.square().unsqueeze(1)
    lo, hi = size // 2, (size - 1) // 2
    if input.ndim == 3:
        means = avg_pool2d(pad(squares, (0, 0, lo, hi)), (size, 1), stride=1).squeeze(1)
    else:
        shape = input.shape
        flat = squares.reshape(shape[0], 1, shape[1], shape[2], -1)
        pooled = avg_pool3d(pad(flat, (0, 0, 0, 0, lo, hi)), (size, 1, 1), stride=1)
        means = pooled.squeeze(1).reshape(shape)
    return input / (means * alpha + k).pow(beta)


def normalize(
    input: Tensor,
    p: float = 2.0,
    dim: int | tuple[int, ...] = 1,
    eps: float = 1e-12,
    out: Tensor | None = None,
) -> Tensor:
    """`input` divided by its p-norm along `dim`, or by `eps` where that is larger."""
    result: Tensor = input / input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    return result if out is None else out.copy_(result)
