"""InstanceNorm1d, InstanceNorm2d and InstanceNorm3d."""

from __future__ import annotations

import warnings
from typing import Any

from dlf.nn import functional as F
from dlf.nn.modules.batchnorm import RunningNorm
from dlf.tensor import Tensor

__all__ = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]


class _InstanceNorm(RunningNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias
        )

    def forward(self, input: Tensor) -> Tensor:
        """Normalise each channel of each sample; the shape stays."""
        self._check_input_dim(input)
        channel_dim = input.dim() - self.input_dims[0]
        if input.shape[channel_dim] != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={channel_dim} to match num_features "
                    f"({self.num_features}), but got: {input.shape[channel_dim]}."
                )
            warnings.warn(
                f"input's size at dim={channel_dim} does not match num_features. You can silence "
                "this warning by not passing in num_features, which is not used because "
                "affine=False",
                stacklevel=2,
            )
        if input.dim() == self.input_dims[0]:
            return self._normalise(input.unsqueeze(0))[0]
        return self._normalise(input)

    def _normalise(self, input: Tensor) -> Tensor:
        return F.instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0,
            self.eps,
        )


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation over inputs of shape (N, C, L) or (C, L) (Ulyanov et al., 2016).

    As `BatchNorm1d`, with the statistics of each sample alone.

    Args:
        num_features: C.
        eps: added to the variance. Default: 1e-5.
        momentum: the share of the new batch in the running statistics. Default: 0.1.
        affine: whether there are a weight (at first 1) and a bias (at first 0). Default: False.
        track_running_stats: whether to keep, and use in evaluation, running statistics.
            Default: False.
        bias: whether there is a bias, if `affine`. Default: True.

    Raises:
        ValueError: an input with another number of dimensions or, if `affine`, of channels.
    """

    input_dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation over (N, C, H, W) or (C, H, W); see `InstanceNorm1d`."""

    input_dims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Instance normalisation over (N, C, D, H, W) or (C, D, H, W); see `InstanceNorm1d`."""

    input_dims = (4, 5)
