"""All samples of composites and of optimizers' updates, by op."""

from __future__ import annotations

from ...generator import GROUP
from . import fused_elementwise, fused_layers, fused_steps, fused_windows
from .fused_inputs import Sample

__all__ = ["INTEGERS", "ROWS", "TOLERANCE_FACTOR"]

INTEGERS = fused_elementwise.INTEGERS
"""The ops that take integers as well as floating-point numbers."""

ROWS: dict[str, dict[str, Sample]] = {
    **fused_elementwise.ROWS,
    **fused_layers.ROWS,
    **fused_windows.ROWS,
    **fused_steps.ROWS,
    # Their numbers are the device's own; `random_kernels` tests what holds for all.
    **{op: {} for op in GROUP},
}
"""By op, by the sample's label."""

# Long sums lose more than one result's rounding.
TOLERANCE_FACTOR = {
    **dict.fromkeys("conv2d conv2d_input_grad conv3d conv3d_input_grad".split(), 4.0),
    **dict.fromkeys("conv2d_weight_grad conv3d_weight_grad layer_norm_backward".split(), 8.0),
}
