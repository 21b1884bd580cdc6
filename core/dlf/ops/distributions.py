"""The distributions on a device that draws by itself, made of its kernels of group ``random``.

Each function has the name and the parameters of one of `dlf.draws`, and gives a tensor on the
device. Nothing is read back, but for probabilities on a device whose values core looks at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import draw_checks, dtypes
from ..generator import Generator
from ..tensor import Tensor
from . import random_kernels
from .binary import maximum, minimum
from .joining import cat
from .ordering import sort
from .where import where

if TYPE_CHECKING:
    from ..devices import device as Device

__all__ = [
    "bernoulli",
    "cauchy",
    "exponential",
    "geometric",
    "integers",
    "log_normal",
    "multinomial",
    "normal",
    "permutation",
    "uniform",
]

DType = dtypes.dtype
Shape = tuple[int, ...]


def _wide(dtype: DType, device: Device) -> DType:
    """What numbers are computed in before they are rounded to `dtype`, once."""
    needs = dtype in (dtypes.float64, dtypes.complex128, dtypes.int32, dtypes.int64)
    stored = "float64" in device.backend.caps.dtypes
    return dtypes.float64 if needs and stored else dtypes.float32


def _complex(parts: Tensor, dtype: DType) -> Tensor:
    real, imag = (parts.select(-1, k).to(dtype) for k in (0, 1))
    made: Tensor = real + imag * 1j
    return made


def uniform(
    shape: Shape, low: float, high: float, dtype: DType, device: Device, generator: Generator
) -> Tensor:
    """Numbers spread evenly over [low, high)."""
    draw_checks.uniform(low, high, dtype)
    if dtype.is_complex:
        parts = uniform((*shape, 2), low, high, dtype.to_real(), device, generator)
        return _complex(parts, dtype)
    drawn = random_kernels.uniform(shape, dtype, device, generator)
    if low == 0 and high == 1:
        return drawn
    start, end = dtype.numpy.type(low), dtype.numpy.type(high)
    scaled: Tensor = drawn * float(end - start) + float(start)
    if start == end:
        return scaled
    # Rounding may lead to the end, which is not within the range.
    bounded: Tensor = minimum(scaled, float(np.nextafter(end, start)))
    return bounded


def normal(
    shape: Shape, mean: float, std: float, dtype: DType, device: Device, generator: Generator
) -> Tensor:
    """Normally distributed numbers; of a complex dtype, `std` squared is the sum of both
    variances."""
    draw_checks.normal(std, std < 0, dtype)
    if dtype.is_complex:
        parts = normal((*shape, 2), 0.0, 0.5**0.5, dtype.to_real(), device, generator)
        return _moved(_complex(parts, dtype), mean, std)
    plain = mean == 0 and std == 1
    drawn_in = dtype if plain else _wide(dtype, device)
    return _moved(random_kernels.normal(shape, drawn_in, device, generator), mean, std).to(dtype)


def _moved(drawn: Tensor, mean: float, std: float) -> Tensor:
    if std != 1:
        drawn = drawn * std
    return drawn if mean == 0 else drawn + mean


def integers(
    shape: Shape, low: int, high: int, dtype: DType, device: Device, generator: Generator
) -> Tensor:
    """Integers spread evenly over [low, high)."""
    draw_checks.integers(low, high, dtype)
    drawn_in = dtype if dtype.category == dtypes.INTEGRAL else dtypes.int64
    return random_kernels.integers(shape, low, high, drawn_in, device, generator).to(dtype)


def permutation(n: int, dtype: DType, device: Device, generator: Generator) -> Tensor:
    """The integers from 0 to n - 1 in the order of random keys."""
    draw_checks.permutation(n)
    keys = random_kernels.integers((n,), 0, 2**63, dtypes.int64, device, generator)
    order: Tensor = sort(keys, 0, stable=True).indices.to(dtype)
    return order


def bernoulli(
    shape: Shape, p: float | Tensor, dtype: DType, device: Device, generator: Generator
) -> Tensor:
    """Ones with probability `p`, zeros else; a tensor `p` broadcasts to `shape`."""
    drawn_in = dtypes.float32
    if isinstance(p, Tensor):
        chance: Tensor = p.detach().to(device)
        if device.checks:
            within = bool(((chance >= 0) & (chance <= 1)).all())
            draw_checks.probability("a tensor with others", within)
        if chance.dtype is dtypes.float64:
            drawn_in = dtypes.float64
        p = chance
    else:
        draw_checks.probability(p, 0 <= p <= 1)
    made: Tensor = (random_kernels.uniform(shape, drawn_in, device, generator) < p).to(dtype)
    return made


def _exponential(shape: Shape, kind: DType, device: Device, generator: Generator) -> Tensor:
    """Exponentially distributed numbers of rate 1 in `kind`, float32 or float64; never 0."""
    drawn = random_kernels.uniform(shape, kind, device, generator)
    least = 2.0**-24 if kind is dtypes.float32 else 2.0**-53
    # The least step of the uniform numbers is what 0 stands for, and float16 holds it.
    made: Tensor = maximum(-(-drawn).log1p(), least)
    return made


def exponential(
    shape: Shape, rate: float, dtype: DType, device: Device, generator: Generator
) -> Tensor:
    """Numbers with the density ``rate * exp(-rate * x)``."""
    draw_checks.positive("exponential_", "lambda", rate, dtype)
    drawn = _exponential(shape, _wide(dtype, device), device, generator)
    return (drawn / rate).to(dtype)


def cauchy(
    shape: Shape, median: float, sigma: float, dtype: DType, device: Device, generator: Generator
) -> Tensor:
    """Numbers of the Cauchy distribution, by the inverse of its distribution function."""
    draw_checks.positive("cauchy_", "sigma", sigma, dtype)
    drawn = random_kernels.uniform(shape, _wide(dtype, device), device, generator)
    return (((drawn - 0.5) * np.pi).tan() * sigma + median).to(dtype)


def log_normal(
    shape: Shape, mean: float, std: float, dtype: DType, device: Device, generator: Generator
) -> Tensor:
    """Numbers whose logarithm is normally distributed with that `mean` and `std`."""
    draw_checks.positive("log_normal_", "std", std, dtype)
    return normal(shape, mean, std, _wide(dtype, device), device, generator).exp().to(dtype)


def geometric(shape: Shape, p: float, dtype: DType, device: Device, generator: Generator) -> Tensor:
    """The number of trials up to the first success, each with probability `p`: an exponential
    number in steps of ``-log(1 - p)``, rounded up."""
    draw_checks.geometric(p)
    drawn = _exponential(shape, _wide(dtype, device), device, generator)
    return (drawn / -np.log1p(-p).item()).ceil().to(dtype)


def multinomial(
    weights: Tensor, num_samples: int, replacement: bool, device: Device, generator: Generator
) -> Tensor:
    """Indices drawn in proportion to each row's weights; see `dlf.draws.multinomial_array`."""
    draw_checks.choices(weights._data.shape, num_samples, replacement)
    rows = weights.detach().to(_wide(dtypes.float64, device))
    rows = rows if rows.ndim == 2 else rows.unsqueeze(0)
    draw_checks.weights(True, rows._data.shape[1] > 0)
    if device.checks:
        regular = bool(((rows >= 0) & (rows < float("inf"))).all())
        draw_checks.weights(regular, bool((rows.sum(1) > 0).all()))
    drawn = _with_replacement if replacement else _race
    found = drawn(rows, num_samples, device, generator)
    return found if weights.ndim == 2 else found.squeeze(0)


def _race(rows: Tensor, count: int, device: Device, generator: Generator) -> Tensor:
    """Each weight divided by an exponential number; the greatest quotients win."""
    # Weights near the dtype's ends stay within it.
    scaled = rows / rows.amax(1, keepdim=True)
    keys = scaled / _exponential(rows._data.shape, rows.dtype, device, generator)
    first: Tensor = sort(keys, 1, descending=True, stable=True).indices.narrow(1, 0, count)
    return first


def _with_replacement(rows: Tensor, count: int, device: Device, generator: Generator) -> Tensor:
    """Points spread evenly along the weights, laid end to end from the greatest on."""
    m, n = rows._data.shape
    ordered, order = sort(rows, 1, descending=True, stable=True)
    ends = ordered.cumsum(1)
    points = random_kernels.uniform((m, count), rows.dtype, device, generator)
    points = points * ends.narrow(1, n - 1, 1)
    # How many ends come before a point is seen where both are sorted together.
    merged = sort(cat([ends, points], 1), 1, stable=True).indices
    before = (merged < n).to(dtypes.int64).cumsum(1)
    places: Any = before.new_zeros(m, n + count).scatter(1, merged, before).narrow(1, n, count)
    # A scan in blocks may round so that a weight of 0, which stands last, seems to be one.
    last = (ordered > 0).to(dtypes.int64).sum(1, keepdim=True) - 1
    found: Tensor = order.gather(1, where(places < last, places, last))
    return found
