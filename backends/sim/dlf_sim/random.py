"""Random numbers of the `sim` device: the kernel contract's group ``random`` by Philox.

All depends on the seed, the offset and the number's place alone, as on a device whose threads draw
each for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from dlf_sim import capture
from dlf_sim.handle import SimArray
from dlf_sim.launch import made
from dlf_sim.philox import long_words, words

__all__ = ["KERNELS", "integers", "normal", "uniform"]

Array = npt.NDArray[Any]
Words = npt.NDArray[np.uint64]

# Significant bits: a number of more could be rounded up to 1.
_DIGITS = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}


def uniform(count: int, dtype: Any, seed: int, offset: int) -> Array:
    """Multiples of ``2**-digits`` below 1, as many digits as `dtype` has."""
    digits = _DIGITS[dtype.name]
    bits = 64 if digits == 53 else 32
    drawn = (long_words if digits == 53 else words)(count, seed, offset)
    return ((drawn >> np.uint64(bits - digits)) * 2.0**-digits).astype(dtype.numpy)


def normal(count: int, dtype: Any, seed: int, offset: int) -> Array:
    """Normal numbers from pairs of uniform ones, by the method of Box and Muller (1958)."""
    pairs, long = -(-count // 2) * 2, dtype.name == "float64"
    if long:
        drawn, digits = long_words(pairs, seed, offset) >> np.uint64(11), 53
    else:
        drawn, digits = words(pairs, seed, offset), 32
    # In (0, 1], so that the logarithm is finite.
    radius = np.sqrt(-2 * np.log((drawn[::2] + 1.0) * 2.0**-digits))
    angle = 2 * np.pi * (drawn[1::2] * 2.0**-digits)
    both = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    return both.reshape(-1)[:count].astype(dtype.numpy)


def integers(count: int, low: int, high: int, dtype: Any, seed: int, offset: int) -> Array:
    """``low + word * (high - low) // 2**64`` of words of 64 bits.

    The probabilities of two values differ by no more than ``2**-64``.
    """
    drawn = long_words(count, seed, offset)
    span = high - low
    steps = drawn if span == 2**64 else _high_product(drawn, span)
    with np.errstate(over="ignore"):  # Two's complement makes a sum with a negative end.
        shifted = steps + np.uint64(low % 2**64)
    return shifted.view(np.int64).astype(dtype.numpy)


def _high_product(a: Words, b: int) -> Words:
    """``a * b >> 64``."""
    half, mask = np.uint64(32), np.uint64(2**32 - 1)
    high, low = a >> half, a & mask
    b_high, b_low = np.uint64(b >> 32), np.uint64(b % 2**32)
    middle = high * b_low + (low * b_low >> half)
    other = low * b_high + (middle & mask)
    product: Words = high * b_high + (middle >> half) + (other >> half)
    return product


def _kernel(draw: Callable[..., Array]) -> Callable[..., SimArray]:
    def launch(shape: tuple[int, ...], *rest: Any) -> SimArray:
        *attributes, dtype, seed, offset, index = rest
        count, place = prod(shape), _place(seed, offset)

        def compute() -> Array:
            return draw(count, *attributes, dtype, *place()).reshape(shape)

        return made(compute, shape, dtype.numpy, index)

    return launch


def _place(seed: int, offset: int) -> Callable[[], tuple[int, int]]:
    """Where to draw, to be asked for when the work is done: each replay of a step has its own."""
    recorder = capture.active()
    if recorder is None:
        return lambda: (seed, offset)
    generator, distance = recorder.places.find(seed, offset)

    def now() -> tuple[int, int]:
        start_seed, start = recorder.starts[generator]
        return start_seed, start + distance

    return now


KERNELS: Mapping[str, Callable[..., SimArray]] = {
    "random_uniform": _kernel(uniform),
    "random_normal": _kernel(normal),
    "random_integers": _kernel(integers),
}
"""The kernels of the group."""
