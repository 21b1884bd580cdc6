"""Dropout."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import dlf
from dlf.ops import dropout as ops

from ._check import in_place

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
]

# The value that SELU tends to: what alpha dropout puts in place of a dropped element.
_ALPHA = -1.7580993408473766


def _check_probability(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _drop(input: Tensor, shape: tuple[int, ...], p: float) -> Tensor:
    if p == 1:
        return input * 0
    return ops.drop(input, shape, p)


def _by_channel(input: Tensor, lead: int = 2) -> tuple[int, ...]:
    return (*input.shape[:lead], *[1] * (input.ndim - lead))


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, each element becomes 0 with probability `p`, the others are divided by
    ``1 - p``.

    A device that draws by itself does so in one op, `dlf.ops.dropout.dropout`, whose mask is kept
    for the gradient. ValueError unless `p` is between 0 and 1 (Srivastava et al., 2014).
    """
    _check_probability(p)
    if not training or p == 0:
        return input
    if inplace:
        return in_place(_drop, input, tuple(input.shape), p)
    return _drop(input, tuple(input.shape), p)


def _dropout_nd(
    name: str, input: Tensor, p: float, training: bool, inplace: bool, ndims: tuple[int, ...]
) -> Tensor:
    _check_probability(p)
    if input.ndim not in ndims:
        warnings.warn(
            f"{name}: Received a {input.ndim}-D input to {name}, which is deprecated and will "
            f"result in an error in a future release; expected {' or '.join(map(str, ndims))}-D.",
            stacklevel=3,
        )
    if not training or p == 0:
        return input
    shape = _by_channel(input)
    return in_place(_drop, input, shape, p) if inplace else _drop(input, shape, p)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """`dropout` of whole channels of ``(N, C, L)`` or ``(C, L)``."""
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input."
        )
    _check_probability(p)
    if input.ndim == 3:
        return _dropout_nd("dropout1d", input, p, training, inplace, (2, 3))
    if not training or p == 0:
        return input
    shape = _by_channel(input, 1)
    return in_place(_drop, input, shape, p) if inplace else _drop(input, shape, p)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """`dropout` of whole channels of ``(N, C, H, W)``."""
    return _dropout_nd("dropout2d", input, p, training, inplace, (3, 4))


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """`dropout` of whole channels of ``(N, C, D, H, W)``."""
    return _dropout_nd("dropout3d", input, p, training, inplace, (4, 5))


def _alpha_drop(input: Tensor, shape: tuple[int, ...], p: float) -> Tensor:
    if p == 1:
        return input * 0
    scale = ((1 - p) * (1 + p * _ALPHA * _ALPHA)) ** -0.5
    kept = ops.keep_mask(input, shape, p)
    return dlf.where(kept, input, _ALPHA) * scale - scale * p * _ALPHA


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout that keeps mean and variance of SELU's results (Klambauer et al., 2017)."""
    _check_probability(p)
    if not training or p == 0:
        return input
    shape = tuple(input.shape)
    return in_place(_alpha_drop, input, shape, p) if inplace else _alpha_drop(input, shape, p)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of whole channels."""
    _check_probability(p)
    if not training or p == 0:
        return input
    if input.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    shape = _by_channel(input)
    return in_place(_alpha_drop, input, shape, p) if inplace else _alpha_drop(input, shape, p)
