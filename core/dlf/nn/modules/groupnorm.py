"""GroupNorm."""

from __future__ import annotations

from typing import Any

from dlf.nn import functional as F
from dlf.nn import init
from dlf.nn.module import Module
from dlf.nn.modules.utils import new_parameter
from dlf.nn.parameter import Parameter
from dlf.tensor import Tensor

__all__ = ["GroupNorm"]


class GroupNorm(Module):
    """Normalise over groups of channels of each sample (Wu and He, 2018).

    Args:
        num_groups: the number of groups.
        num_channels: C of inputs of shape (N, C, ...).
        eps: added to the variance. Default: 1e-5.
        affine: whether there are a weight (at first 1) and a bias (at first 0). Default: True.
        bias: whether there is a bias, if `affine`. Default: True.

    Raises:
        ValueError: `num_groups` does not divide `num_channels`.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            parameter = new_parameter(num_channels, device=device, dtype=dtype) if wanted else None
            self.register_parameter(name, parameter)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weight to 1 and bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (N, C, ...); the shape stays."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
