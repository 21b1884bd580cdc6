"""Dropout, a mask applied, and the random numbers that masks are made of."""

from __future__ import annotations

import numpy as np

from dlf_cupy_gpu import launch
from dlf_cupy_gpu.module import Modules

from . import random
from .common import Array, Kernel, contiguous, kind, wide

__all__ = ["dropout", "kernels"]

_FILE = "dropout.cu"


def dropout(modules: Modules, x: Array, p: float, where: random.Place) -> tuple[Array, Array]:
    """`x` with each element 0 with probability `p`, the others divided by ``1 - p``, and the bool
    mask of those.
    """
    x = contiguous(modules, x)
    y, mask = modules.xp.empty(x.shape, x.dtype), modules.xp.empty(x.shape, bool)
    if x.size:
        function = modules.function(_FILE, "dropout", kind(x))
        grid, block, _ = launch.items(x.size, 4)
        numbers = float(p), _scale(p), *where, int(random.aligned(modules, x, y, mask))
        function(grid, block, (x, y, mask, x.size, *numbers))
    return y, mask


def _scale(p: float) -> float:
    return 1 / (1 - p) if p < 1 else 0.0


def _masked_scale(modules: Modules, input: Array, mask: Array, scale: float) -> Array:
    if input.shape != mask.shape:
        shape = np.broadcast_shapes(input.shape, mask.shape)
        input, mask = (modules.xp.broadcast_to(a, shape) for a in (input, mask))
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


def kernels(modules: Modules) -> dict[str, Kernel]:
    """Kernel by op name."""

    def masked_scale(input: Array, mask: Array, scale: float) -> Array:
        return _masked_scale(modules, input, mask, scale)

    def drop(input: Array, p: float, seed: int, offset: int) -> tuple[Array, Array]:
        return dropout(modules, input, p, random.place(seed, offset))

    own: dict[str, Kernel] = {"masked_scale": masked_scale, "dropout": drop}
    return own | random.kernels(modules)
