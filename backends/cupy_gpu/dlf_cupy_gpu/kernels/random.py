"""Random numbers by Philox: the kernel contract's group ``random``.

The stream is described in ``sources/philox.cuh``. While a step is captured, a place in it is given
by its distance from where the step began, and each replay says where it begins.
"""

from __future__ import annotations

from typing import Any

from dlf_cupy_gpu import capture, launch
from dlf_cupy_gpu.module import Modules

from .common import Array, Kernel, kind

__all__ = ["aligned", "integers", "kernels", "normal", "place", "uniform"]

_FILE = "random.cu"
_ENTRIES = {1: "integers_1", 2: "integers_2", 4: "integers_4", 8: "integers_8"}

Shape = tuple[int, ...]
Place = tuple[int, int, Array | None]


def place(seed: int, offset: int) -> Place:
    """Seed, offset and state as kernels take them.

    `state`, an int64 array of two, is added to seed and offset when the kernel runs; None: nothing.
    """
    recorder = capture.active()
    if recorder is None:
        return _signed(seed), _signed(offset), None
    state, distance = recorder.place(seed, offset)
    return 0, _signed(distance), state


def _signed(number: int) -> int:
    """A 64-bit word as the signed int of the same bits, which parameters are."""
    number %= 1 << 64
    return number - (1 << 64) if number >= 1 << 63 else number


def aligned(modules: Modules, *arrays: Array) -> bool:
    """Whether all arrays start at multiples of four of their elements."""
    return all(modules.address(a) % (4 * a.dtype.itemsize) == 0 for a in arrays)


def _drawn(
    modules: Modules, name: str, out: Array, dtype: str, before: tuple[int, ...], where: Place
) -> Array:
    if out.size:
        grid, block, _ = launch.items(out.size, 4)
        arguments = (out, out.size, *before, *where, int(aligned(modules, out)))
        modules.function(_FILE, name, dtype)(grid, block, arguments)
    return out


def uniform(modules: Modules, shape: Shape, dtype: Any, where: Place) -> Array:
    """Numbers of [0, 1) of NumPy's `dtype`: multiples of 2**-d, where it has d significant bits."""
    out = modules.xp.empty(shape, dtype)
    return _drawn(modules, "uniform", out, kind(out), (), where)


def normal(modules: Modules, shape: Shape, dtype: Any, where: Place) -> Array:
    """Normal numbers of NumPy's `dtype`, by the method of Box and Muller."""
    out = modules.xp.empty(shape, dtype)
    return _drawn(modules, "normal", out, kind(out), (), where)


def integers(
    modules: Modules, shape: Shape, low: int, high: int, dtype: Any, where: Place
) -> Array:
    """Integers of [low, high) of NumPy's `dtype`, each as likely as any other up to 2**-64."""
    out = modules.xp.empty(shape, dtype)
    before = low, _signed(high - low)
    # The source is the same for every floating dtype.
    return _drawn(modules, _ENTRIES[out.dtype.itemsize], out, "float32", before, where)


def kernels(modules: Modules) -> dict[str, Kernel]:
    """Kernel by op name."""

    def random_uniform(shape: Shape, dtype: Any, seed: int, offset: int, index: int) -> Array:
        return uniform(modules, shape, dtype.numpy, place(seed, offset))

    def random_normal(shape: Shape, dtype: Any, seed: int, offset: int, index: int) -> Array:
        return normal(modules, shape, dtype.numpy, place(seed, offset))

    def random_integers(
        shape: Shape, low: int, high: int, dtype: Any, seed: int, offset: int, index: int
    ) -> Array:
        return integers(modules, shape, low, high, dtype.numpy, place(seed, offset))

    return {
        "random_uniform": random_uniform,
        "random_normal": random_normal,
        "random_integers": random_integers,
    }
