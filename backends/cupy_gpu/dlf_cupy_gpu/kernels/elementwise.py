"""Activations and their gradients, and bias with activation, in one pass each."""

from __future__ import annotations

from dlf_cupy_gpu import launch
from dlf_cupy_gpu.module import Modules

from .common import Array, Kernel, contiguous, kind, or_shared, wide

__all__ = ["ACTIVATIONS", "add_bias", "kernels", "repeat_row"]

_FILE = "elementwise.cu"

ACTIVATIONS = ("none", "relu", "silu", "gelu", "gelu_tanh")
"""What `add_bias` can apply after the bias."""

# Ops whose attributes are the source's a, b and c.
_UNARY = (
    "relu sigmoid silu mish logsigmoid softplus elu leaky_relu hardtanh hardsigmoid hardswish "
    "threshold"
).split()
_BINARY = "sigmoid_backward silu_backward threshold_backward".split()


def _unary(modules: Modules, name: str, x: Array, *values: float) -> Array:
    x = contiguous(modules, x)
    y = modules.xp.empty(x.shape, x.dtype)
    if not x.size:
        return y
    width = wide(modules, (x, y))
    function = modules.function(_FILE, f"{name}_wide" if width > 1 else name, kind(x))
    grid, block, _ = launch.items(x.size, width)
    a, b, c = (*map(float, values), *[0.0] * (3 - len(values)))
    function(grid, block, (x, y, x.size, a, b, c))
    return y


def _binary(modules: Modules, name: str, grad: Array, x: Array, value: float = 0.0) -> Array:
    if grad.shape != x.shape:
        grad, x = modules.xp.broadcast_arrays(grad, x)
    grad, x = contiguous(modules, grad), contiguous(modules, x)
    y = modules.xp.empty(x.shape, x.dtype)
    if not x.size:
        return y
    width = wide(modules, (grad, x, y))
    function = modules.function(_FILE, f"{name}_wide" if width > 1 else name, kind(x))
    grid, block, _ = launch.items(x.size, width)
    function(grid, block, (grad, x, y, x.size, float(value)))
    return y


def add_bias(
    modules: Modules, x: Array, bias: Array, activation: str = "none", out: Array | None = None
) -> Array:
    """``activation(x + bias)`` of contiguous `x` ``(..., columns)`` and `bias` ``(columns,)``.

    Args:
        modules: where to launch.
        x: what a matrix product gave.
        bias: of the same dtype.
        activation: one of `ACTIVATIONS`.
        out: where the result goes, which may be `x`; a new array by default.
    """
    columns = x.shape[-1]
    y = modules.xp.empty(x.shape, x.dtype) if out is None else out
    if not x.size:
        return y
    bias = contiguous(modules, bias)
    width = wide(modules, (x, bias, y), columns)
    entry = f"bias_{activation}{'_wide' if width > 1 else ''}"
    plan = launch.copies(x.size // columns, columns, width)
    function = modules.function(_FILE, entry, kind(x))
    function(plan.grid, plan.block, (x, bias, y, x.size // columns, columns))
    return y


def repeat_row(modules: Modules, row: Array, y: Array) -> None:
    """Make every row of `y`, contiguous ``(..., columns)``, the `row` of ``(columns,)``."""
    if not y.size:
        return
    columns = y.shape[-1]
    row = contiguous(modules, row)
    width = wide(modules, (row, y), columns)
    plan = launch.copies(y.size // columns, columns, width)
    function = modules.function(_FILE, "repeat_wide" if width > 1 else "repeat", kind(y))
    function(plan.grid, plan.block, (row, y, y.size // columns, columns))


def kernels(modules: Modules) -> dict[str, Kernel]:
    """Kernel by op name."""

    def unary(name: str) -> Kernel:
        return lambda input, *values: _unary(modules, name, input, *values)

    def binary(name: str) -> Kernel:
        return lambda grad, other, *values: _binary(modules, name, grad, other, *values)

    def gelu(input: Array, approximate: str) -> Array:
        return _unary(modules, "gelu_tanh" if approximate == "tanh" else "gelu", input)

    def gelu_backward(grad: Array, input: Array, approximate: str) -> Array:
        name = "gelu_tanh_backward" if approximate == "tanh" else "gelu_backward"
        return _binary(modules, name, grad, input)

    return {
        **{name: unary(name) for name in _UNARY},
        "relu": or_shared(modules, "relu", unary("relu")),
        "sigmoid": or_shared(modules, "sigmoid", unary("sigmoid")),
        **{name: binary(name) for name in _BINARY},
        "gelu": gelu,
        "gelu_backward": gelu_backward,
    }
