"""Draws from the distributions, as host arrays.

Every function takes a `Generator` of `dlf.random`; None is the global one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import draw_checks, dtypes
from .dtypes import dtype as DType
from .random import Generator, default_generator

if TYPE_CHECKING:
    from numpy.random import Generator as NumpyGenerator

__all__ = [
    "bernoulli_array",
    "cauchy_array",
    "exponential_array",
    "geometric_array",
    "integers_array",
    "log_normal_array",
    "multinomial_array",
    "normal_array",
    "permutation_array",
    "poisson_array",
    "uniform_array",
]


Host = np.ndarray[Any, Any]


def _in_parts(
    draw: Callable[[tuple[int, ...], DType], Host], shape: Sequence[int], dtype: DType
) -> Host:
    """Complex numbers from a draw of their real parts and imaginary parts."""
    parts = draw((*shape, 2), dtype.to_real())
    return parts.view(dtype.numpy)[..., 0]


def _wide(dtype: DType) -> DType:
    """float32 and float64 are drawn as such, all else as float32 and then cast."""
    return dtypes.float64 if dtype is dtypes.float64 else dtypes.float32


def _drawn_in(dtype: DType) -> Any:
    return _wide(dtype).numpy


# Significant bits of the narrow types: a float32 draw below 1 could round up to 1 in them.
_NARROW = {dtypes.float16: 11, dtypes.bfloat16: 8}


def _unit(shape: Sequence[int], dtype: DType, generator: Generator) -> Host:
    bits = _NARROW.get(dtype)
    if bits is None:
        return np.asarray(generator.numpy.random(tuple(shape), _drawn_in(dtype)))
    steps = generator.numpy.integers(0, 1 << bits, tuple(shape), np.uint16)
    return np.asarray(steps, np.float32) * np.float32(2.0**-bits)


def uniform_array(
    shape: Sequence[int],
    low: float = 0.0,
    high: float = 1.0,
    dtype: DType = dtypes.float32,
    generator: Generator | None = None,
) -> Host:
    """Numbers spread evenly over [low, high); of a complex dtype, both parts are.

    Raises:
        RuntimeError: `low` exceeds `high`, or `dtype` is not floating.
    """
    if low > high or dtype.category < dtypes.FLOATING:
        draw_checks.uniform(low, high, dtype)
    if dtype.is_complex:
        return _in_parts(lambda s, d: uniform_array(s, low, high, d, generator), shape, dtype)
    drawn = _unit(shape, dtype, generator or default_generator)
    if high - low != 1:
        drawn *= high - low
    if low != 0:
        drawn += low
    return drawn.astype(dtype.numpy, copy=False)


def normal_array(
    shape: Sequence[int],
    mean: float | Host = 0.0,
    std: float | Host = 1.0,
    dtype: DType = dtypes.float32,
    generator: Generator | None = None,
) -> Host:
    """Normally distributed numbers; of a complex dtype, `std` squared is the sum of both variances.

    `mean` and `std` may be arrays that broadcast to `shape`.

    Raises:
        RuntimeError: `std` is negative, or `dtype` is not floating.
    """
    number = isinstance(std, int | float)
    draw_checks.normal(std, bool(std < 0 if number else np.any(np.asarray(std) < 0)), dtype)
    if dtype.is_complex:
        drawn = _in_parts(lambda s, d: normal_array(s, 0.0, 0.5**0.5, d, generator), shape, dtype)
    else:
        source = (generator or default_generator).numpy
        drawn = np.asarray(source.standard_normal(tuple(shape), _drawn_in(dtype)))
    if not number or std != 1:
        drawn *= std
    if not isinstance(mean, int | float) or mean != 0:
        drawn += mean
    return drawn.astype(dtype.numpy, copy=False)


def integers_array(
    shape: Sequence[int],
    low: int,
    high: int,
    dtype: DType = dtypes.int64,
    generator: Generator | None = None,
) -> Host:
    """Integers spread evenly over [low, high).

    Raises:
        RuntimeError: the range is empty, or `dtype` cannot hold it.
    """
    draw_checks.integers(low, high, dtype)
    source = (generator or default_generator).numpy
    drawn = source.integers(low, high, tuple(shape), np.int64)
    return np.asarray(drawn).astype(dtype.numpy, copy=False)


def permutation_array(
    n: int, dtype: DType = dtypes.int64, generator: Generator | None = None
) -> Host:
    """The integers from 0 to n - 1 in random order.

    Raises:
        RuntimeError: `n` is negative.
    """
    draw_checks.permutation(n)
    source = (generator or default_generator).numpy
    return source.permutation(n).astype(dtype.numpy, copy=False)


def bernoulli_array(
    shape: Sequence[int],
    p: float | Host = 0.5,
    dtype: DType = dtypes.float32,
    generator: Generator | None = None,
) -> Host:
    """Ones with probability `p`, zeros else; `p` may be an array that broadcasts to `shape`.

    Raises:
        RuntimeError: `p` is not within [0, 1].
    """
    chance = np.asarray(p)
    draw_checks.probability(p, bool(((chance >= 0) & (chance <= 1)).all()))
    kind = np.float64 if chance.dtype == np.float64 and chance.ndim else np.float32
    drawn = (generator or default_generator).numpy.random(tuple(shape), kind)
    return np.asarray(drawn < p).astype(dtype.numpy, copy=False)


def exponential_array(
    shape: Sequence[int],
    rate: float = 1.0,
    dtype: DType = dtypes.float32,
    generator: Generator | None = None,
) -> Host:
    """Numbers with the density ``rate * exp(-rate * x)``.

    Raises:
        RuntimeError: `rate` is not positive, or `dtype` is not floating.
    """
    draw_checks.positive("exponential_", "lambda", rate, dtype)
    source = (generator or default_generator).numpy
    drawn = source.standard_exponential(tuple(shape), _drawn_in(dtype))
    return np.asarray(drawn / rate).astype(dtype.numpy, copy=False)


def cauchy_array(
    shape: Sequence[int],
    median: float = 0.0,
    sigma: float = 1.0,
    dtype: DType = dtypes.float32,
    generator: Generator | None = None,
) -> Host:
    """Numbers of the Cauchy distribution of that median and scale.

    Raises:
        RuntimeError: `sigma` is not positive, or `dtype` is not floating.
    """
    draw_checks.positive("cauchy_", "sigma", sigma, dtype)
    drawn = (generator or default_generator).numpy.standard_cauchy(tuple(shape))
    return np.asarray(drawn * sigma + median).astype(dtype.numpy)


def geometric_array(
    shape: Sequence[int],
    p: float,
    dtype: DType = dtypes.float32,
    generator: Generator | None = None,
) -> Host:
    """The number of trials up to the first success, each with probability `p`.

    Raises:
        RuntimeError: `p` is not within (0, 1).
    """
    draw_checks.geometric(p)
    drawn = (generator or default_generator).numpy.geometric(p, tuple(shape))
    return np.asarray(drawn).astype(dtype.numpy)


def log_normal_array(
    shape: Sequence[int],
    mean: float = 1.0,
    std: float = 2.0,
    dtype: DType = dtypes.float32,
    generator: Generator | None = None,
) -> Host:
    """Numbers whose logarithm is normally distributed with that `mean` and `std`.

    Raises:
        RuntimeError: `std` is not positive, or `dtype` is not floating.
    """
    draw_checks.positive("log_normal_", "std", std, dtype)
    drawn = normal_array(shape, mean, std, _wide(dtype), generator)
    with np.errstate(over="ignore"):
        return np.exp(drawn).astype(dtype.numpy, copy=False)


def poisson_array(
    rates: Host, dtype: DType = dtypes.float32, generator: Generator | None = None
) -> Host:
    """Counts of the Poisson distribution of each rate; the shape is that of `rates`.

    Raises:
        RuntimeError: a rate is negative.
    """
    if (rates < 0).any():
        raise RuntimeError("poisson expects all rates to be non-negative")
    drawn = (generator or default_generator).numpy.poisson(rates.astype(np.float64))
    return np.asarray(drawn).astype(dtype.numpy)


def multinomial_array(
    weights: Host,
    num_samples: int,
    replacement: bool = False,
    generator: Generator | None = None,
) -> Host:
    """Indices drawn in proportion to each row's weights.

    Without replacement each weight is divided by an exponential draw and the largest quotients win,
    which is the same as drawing one by one (Efraimidis and Spirakis, 2006).

    Args:
        weights: [n] or [m, n], not negative; they need not sum to 1.
        num_samples: indices a row.
        replacement: whether an index may come twice. Default: False.

    Returns:
        int64, [num_samples] or [m, num_samples].

    Raises:
        RuntimeError: a weight is negative, infinite or NaN, a row's sum is 0, or there are fewer
            categories than samples without replacement.
    """
    draw_checks.choices(weights.shape, num_samples, replacement)
    rows = np.atleast_2d(weights).astype(np.float64)
    regular = bool(np.isfinite(rows).all() and (rows >= 0).all())
    totals = rows.sum(1, keepdims=True)
    draw_checks.weights(regular, bool((totals > 0).all()))
    source = (generator or default_generator).numpy
    if replacement:
        drawn = _with_replacement(rows / totals, num_samples, source)
    else:
        keys = rows / source.standard_exponential(rows.shape)
        drawn = np.argsort(-keys, 1, kind="stable")[:, :num_samples]
    return (drawn if weights.ndim == 2 else drawn[0]).astype(np.int64, copy=False)


def _with_replacement(rows: Host, count: int, source: NumpyGenerator) -> Host:
    steps = np.cumsum(rows, 1)
    # Scaled by the last step, which rounding keeps from being just 1, no draw lies beyond it.
    points = source.random((rows.shape[0], count)) * steps[:, -1:]
    found = [np.searchsorted(row, p, "right") for row, p in zip(steps, points, strict=True)]
    if not found:
        return np.empty((0, count), np.int64)
    indices: Host = np.minimum(np.stack(found), rows.shape[1] - 1)
    return indices
