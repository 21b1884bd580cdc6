"""Dropout of elements, of channels, and alpha dropout."""

from __future__ import annotations

from dlf.nn import functional as F
from dlf.nn.module import Module
from dlf.tensor import Tensor

__all__ = [
    "AlphaDropout",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
]


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, zero each element with probability p and scale the rest by 1 / (1 - p).

    Source: Hinton et al., 2012.

    Args:
        p: probability of zero. Default: 0.5.
        inplace: overwrite the input. Default: False.

    Raises:
        ValueError: p is not in [0, 1].
    """

    def forward(self, input: Tensor) -> Tensor:
        """The shape stays; in evaluation the input is given back."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """`Dropout` of whole channels of (N, C, L) or (C, L) (Tompson et al., 2014)."""

    def forward(self, input: Tensor) -> Tensor:
        """The shape stays; in evaluation the input is given back."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """`Dropout` of whole channels of (N, C, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """The shape stays; in evaluation the input is given back."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """`Dropout` of whole channels of (N, C, D, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """The shape stays; in evaluation the input is given back."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """Dropout that keeps mean and variance after `SELU` (Klambauer et al., 2017)."""

    def forward(self, input: Tensor) -> Tensor:
        """The shape stays; in evaluation the input is given back."""
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of whole channels (dimension 1)."""

    def forward(self, input: Tensor) -> Tensor:
        """The shape stays; in evaluation the input is given back."""
        return F.feature_alpha_dropout(input, self.p, self.training)
