"""BatchNorm1d, BatchNorm2d and BatchNorm3d."""

from __future__ import annotations

from typing import Any

import dlf
from dlf.nn import functional as F
from dlf.nn import init
from dlf.nn.module import Module
from dlf.nn.modules.utils import new_parameter
from dlf.nn.parameter import Parameter
from dlf.tensor import Tensor

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"]


class RunningNorm(Module):
    """Per-channel scale, shift and running statistics, as batch and instance norm have them."""

    _version = 2
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    input_dims: tuple[int, ...]

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: Any,
        dtype: Any,
        bias: bool,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            parameter = new_parameter(num_features, device=device, dtype=dtype) if wanted else None
            self.register_parameter(name, parameter)
        tracked = track_running_stats
        like: dict[str, Any] = {"device": device, "dtype": dtype}
        self.register_buffer("running_mean", dlf.zeros(num_features, **like) if tracked else None)
        self.register_buffer("running_var", dlf.ones(num_features, **like) if tracked else None)
        self.register_buffer(
            "num_batches_tracked",
            dlf.tensor(0, dtype=dlf.int64, device=device) if tracked else None,
        )
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the statistics: mean 0, variance 1, no batches."""
        if self.running_mean is not None:
            self.running_mean.zero_()
        if self.running_var is not None:
            self.running_var.fill_(1)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Set weight to 1 and bias to 0, and forget the statistics."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in self.input_dims:
            expected = " or ".join(f"{dims}D" for dims in self.input_dims)
            raise ValueError(f"expected {expected} input (got {input.dim()}D input)")

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        # Before version 2 the count was not saved.
        version = local_metadata.get("version")
        key = prefix + "num_batches_tracked"
        old = version is None or version < 2
        if old and self.num_batches_tracked is not None and key not in state_dict:
            state_dict[key] = self.num_batches_tracked
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class _BatchNorm(RunningNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias
        )

    def forward(self, input: Tensor) -> Tensor:
        """Normalise each channel (dimension 1); the shape stays."""
        self._check_input_dim(input)
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                factor = 1.0 / self.num_batches_tracked.item()
        use_batch = self.training or (self.running_mean is None and self.running_var is None)
        keep = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if keep else None,
            self.running_var if keep else None,
            self.weight,
            self.bias,
            use_batch,
            factor,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalisation over inputs of shape (N, C) or (N, C, L) (Ioffe and Szegedy, 2015).

    y = (x - mean) / sqrt(var + eps) * weight + bias, with mean and (biased) variance of the batch
    in training, and running ones otherwise. The running variance is the unbiased one.

    Args:
        num_features: C.
        eps: added to the variance. Default: 1e-5.
        momentum: the share of the new batch in the running statistics; None for the plain average
            over all batches. Default: 0.1.
        affine: whether there are a weight (at first 1) and a bias (at first 0). Default: True.
        track_running_stats: whether to keep running statistics; without, those of the batch are
            used always. Default: True.
        bias: whether there is a bias, if `affine`. Default: True.

    Raises:
        ValueError: an input with another number of dimensions.
    """

    input_dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation over inputs of shape (N, C, H, W); see `BatchNorm1d`."""

    input_dims = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation over inputs of shape (N, C, D, H, W); see `BatchNorm1d`."""

    input_dims = (5,)
