"""Bilinear."""

from __future__ import annotations

import math
from typing import Any

from dlf.nn import functional as F
from dlf.nn import init
from dlf.nn.module import Module
from dlf.nn.modules.utils import new_parameter
from dlf.nn.parameter import Parameter
from dlf.tensor import Tensor

__all__ = ["Bilinear"]


class Bilinear(Module):
    """y = x1^T A x2 + b, for x1 of shape (..., in1_features) and x2 of (..., in2_features).

    Attributes:
        weight: (out_features, in1_features, in2_features) from U(-k, k), k = 1/sqrt(in1_features).
        bias: (out_features) from the same distribution, or None.

    Raises:
        ValueError: `in1_features` is not positive.
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got (in1_features={in1_features})")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = new_parameter(
            out_features, in1_features, in2_features, device=device, dtype=dtype
        )
        self.register_parameter(
            "bias", new_parameter(out_features, device=device, dtype=dtype) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values."""
        bound = 1 / math.sqrt(self.in1_features)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Map (..., in1_features) and (..., in2_features) to (..., out_features)."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
