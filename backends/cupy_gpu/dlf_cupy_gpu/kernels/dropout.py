"""Dropout and random numbers by Philox, and a mask applied.

The stream is described in ``sources/dropout.cu``. Whoever draws keeps seed and offset: a draw of n
elements uses up `counters(n)` of the offset.
"""

from __future__ import annotations

from typing import Any

from dlf_cupy_gpu import launch
from dlf_cupy_gpu.module import Modules

from .common import Array, Kernel, contiguous, kind, wide

__all__ = ["counters", "dropout", "keep_mask", "kernels", "normal", "uniform"]

_FILE = "dropout.cu"


def counters(count: int) -> int:
    """How many counters of the stream `count` elements use up."""
    return launch.ceil_div(count, 4)


def _signed(number: int) -> int:
    """A 64-bit word as the signed int of the same bits, which parameters are."""
    number %= 1 << 64
    return number - (1 << 64) if number >= 1 << 63 else number


def dropout(
    modules: Modules, x: Array, p: float, seed: int, offset: int, state: Array | None = None
) -> tuple[Array, Array]:
    """`x` with each element 0 with probability `p`, the others divided by ``1 - p``, and the bool
    mask of those.

    `state`, an int64 array of two, is added to seed and offset when the kernel runs.
    """
    x = contiguous(modules, x)
    y, mask = modules.xp.empty(x.shape, x.dtype), modules.xp.empty(x.shape, bool)
    if x.size:
        even = all(modules.address(a) % (4 * a.dtype.itemsize) == 0 for a in (x, y, mask))
        function = modules.function(_FILE, "dropout", kind(x))
        grid, block, _ = launch.items(x.size, 4)
        numbers = (_signed(seed), _signed(offset), state, even)
        scale = 1 / (1 - p) if p < 1 else 0.0
        function(grid, block, (x, y, mask, x.size, float(p), scale, *numbers))
    return y, mask


def _drawn(
    modules: Modules, name: str, out: Array, dtype: str, before: tuple[Any, ...], *stream: Any
) -> Array:
    if out.size:
        grid, block, _ = launch.items(out.size, 4)
        modules.function(_FILE, name, dtype)(grid, block, (out, out.size, *before, *stream))
    return out


def keep_mask(
    modules: Modules,
    shape: tuple[int, ...],
    p: float,
    seed: int,
    offset: int,
    state: Array | None = None,
) -> Array:
    """Bools, False with probability `p`: the mask that `dropout` draws of the same stream."""
    out = modules.xp.empty(shape, bool)
    stream = (_signed(seed), _signed(offset), state)
    return _drawn(modules, "keep_mask", out, "float32", (float(p),), *stream)


def uniform(
    modules: Modules,
    shape: tuple[int, ...],
    dtype: Any,
    seed: int,
    offset: int,
    state: Array | None = None,
) -> Array:
    """Numbers from [0, 1): multiples of 2**-24, or of 2**-8 in the two short dtypes."""
    out = modules.xp.empty(shape, dtype)
    return _drawn(modules, "uniform", out, kind(out), (), _signed(seed), _signed(offset), state)


def normal(
    modules: Modules,
    shape: tuple[int, ...],
    dtype: Any,
    seed: int,
    offset: int,
    state: Array | None = None,
) -> Array:
    """Normal numbers, by the method of Box and Muller."""
    out = modules.xp.empty(shape, dtype)
    return _drawn(modules, "normal", out, kind(out), (), _signed(seed), _signed(offset), state)


def kernels(modules: Modules) -> dict[str, Kernel]:
    """Kernel by op name."""

    def masked_scale(input: Array, mask: Array, scale: float) -> Array:
        if input.shape != mask.shape:
            input, mask = modules.xp.broadcast_arrays(input, mask)
        input, mask = contiguous(modules, input), contiguous(modules, mask)
        y = modules.xp.empty(input.shape, input.dtype)
        if not input.size:
            return y
        width = wide(modules, (input, y))
        # The mask's packs are as many bytes as there are elements.
        if modules.address(mask) % width:
            width = 1
        entry = "masked_scale_wide" if width > 1 else "masked_scale"
        grid, block, _ = launch.items(input.size, width)
        function = modules.function(_FILE, entry, kind(input))
        function(grid, block, (input, mask, y, input.size, float(scale)))
        return y

    return {"masked_scale": masked_scale}
