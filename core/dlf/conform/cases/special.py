"""Functions that NumPy does not have, for the oracle: of Python's own, one number at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np

from ..subject import Array

__all__ = ["digamma", "erf", "erfinv", "lgamma"]

# Coefficients of the asymptotic series: B_2k / 2k (NIST Digital Library of Mathematical Functions,
# 5.11.2).
_SERIES = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
_FAR = 16


def _each(function: Callable[[float], float]) -> Callable[[Any], Array]:
    def apply(a: Any) -> Array:
        flat = np.asarray(a, np.float64)
        values = [function(float(x)) for x in flat.reshape(-1)]
        return np.array(values, np.float64).reshape(flat.shape)

    return apply


def _lgamma(x: float) -> float:
    if math.isinf(x) or (x <= 0 and x == math.floor(x)):
        return math.inf  # Python raises at the poles.
    return math.lgamma(x)


def _digamma(x: float) -> float:
    if math.isnan(x) or x == math.inf:
        return x
    if x == 0:
        return -math.copysign(math.inf, x)
    if x == -math.inf or (x < 0 and x == math.floor(x)):
        return math.nan
    if x < 0:  # Reflection, 5.5.4
        return _digamma(1 - x) - math.pi / math.tan(math.pi * math.fmod(x, 1))
    steps = max(0, math.ceil(_FAR - x))  # Recurrence, 5.5.2
    far = x + steps
    tail = [-c / far ** (2 * k) for k, c in enumerate(_SERIES, 1)]
    return math.fsum(
        [math.log(far), -0.5 / far, *tail, *(-1 / (x + k) for k in range(steps))],
    )


def _erfinv(y: float) -> float:
    if math.isnan(y) or abs(y) > 1:
        return math.nan
    if abs(y) == 1:
        return math.copysign(math.inf, y)
    if y == 0:
        return y
    x = NormalDist().inv_cdf((1 - abs(y)) / 2) / -math.sqrt(2)
    for _ in range(3):  # Newton's method on the complement, which keeps its digits near 1.
        error = math.erf(x) - abs(y) if x < 0.5 else (1 - abs(y)) - math.erfc(x)
        x -= error * math.sqrt(math.pi) / 2 * math.exp(x * x)
    return math.copysign(x, y)


erf = _each(math.erf)
lgamma = _each(_lgamma)
digamma = _each(_digamma)
erfinv = _each(_erfinv)
