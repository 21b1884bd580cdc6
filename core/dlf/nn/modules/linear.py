"""Linear."""

from __future__ import annotations

import math
from typing import Any

from dlf.nn import functional as F
from dlf.nn import init
from dlf.nn.module import Module
from dlf.nn.modules.utils import new_parameter
from dlf.nn.parameter import Parameter
from dlf.tensor import Tensor

__all__ = ["Linear", "NonDynamicallyQuantizableLinear"]


class Linear(Module):
    """y = x W^T + b, for x of shape (..., in_features).

    Args:
        in_features: size of the last dimension of the input.
        out_features: size of the last dimension of the output.
        bias: whether to add b. Default: True.

    Attributes:
        weight: (out_features, in_features), at first from U(-k, k) with k = 1/sqrt(in_features).
        bias: (out_features) from the same distribution, or None.
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = new_parameter(out_features, in_features, device=device, dtype=dtype)
        self.register_parameter(
            "bias", new_parameter(out_features, device=device, dtype=dtype) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Map (..., in_features) to (..., out_features)."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class NonDynamicallyQuantizableLinear(Linear):
    """The output projection of `MultiheadAttention`, under the name that its repr shows."""
