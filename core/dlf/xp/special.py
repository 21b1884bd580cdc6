"""Special functions that NumPy does not have: erf, erfinv, lgamma and digamma.

Sources: erf in float64, W. J. Cody, "Rational Chebyshev approximations for the error function"
(1969), and in float32 the odd rational approximation on [-4, 4] that Eigen uses; erfinv, M. J.
Wichura, algorithm AS 241 (1988); lgamma and digamma, Stirling's series with upward recurrence,
Taylor series at 1 and 2, and reflection (NIST Digital Library of Mathematical Functions, 5.5, 5.7
and 5.11).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dlf import dtypes
from dlf.xp.common import Array, Kernel
from dlf.xp.namespace import library

__all__ = ["kernels"]

# erf(x) = x * P(x^2) / Q(x^2), highest power first.
_ERF32_P = (
    -2.72614225801306e-10,
    2.77068142495902e-08,
    -2.10102402082508e-06,
    -5.69250639462346e-05,
    -7.34990630326855e-04,
    -2.95459980854025e-03,
    -1.60960333262415e-02,
)
_ERF32_Q = (
    -1.45660718464996e-05,
    -2.13374055278905e-04,
    -1.68282697438203e-03,
    -7.37332916720468e-03,
    -1.42647390514189e-02,
)
_ERF_SMALL = 0.46875
_ERF_SMALL_P = (
    1.85777706184603153e-1,
    3.16112374387056560e0,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
_ERF_SMALL_Q = (
    1.0,
    2.36012909523441209e1,
    2.44024637934444173e2,
    1.28261652607737228e3,
    2.84423683343917062e3,
)
# erfc(y) = exp(-y^2) * P(y) / Q(y) for 0.46875 <= y <= 4, and well enough above for 1 - erfc(y).
_ERFC_P = (
    2.15311535474403846e-8,
    5.64188496988670089e-1,
    8.88314979438837594e0,
    6.61191906371416295e1,
    2.98635138197400131e2,
    8.81952221241769090e2,
    1.71204761263407058e3,
    2.05107837782607147e3,
    1.23033935479799725e3,
)
_ERFC_Q = (
    1.0,
    1.57449261107098347e1,
    1.17693950891312499e2,
    5.37181101862009858e2,
    1.62138957456669019e3,
    3.29079923573345963e3,
    4.36261909014324716e3,
    3.43936767414372164e3,
    1.23033935480374942e3,
)
# AS 241: the normal quantile in its centre, its shoulders and its tails.
_CENTRE_P = (
    2.5090809287301226727e3,
    3.3430575583588128105e4,
    6.7265770927008700853e4,
    4.5921953931549871457e4,
    1.3731693765509461125e4,
    1.9715909503065514427e3,
    1.3314166789178437745e2,
    3.3871328727963666080e0,
)
_CENTRE_Q = (
    5.2264952788528545610e3,
    2.8729085735721942674e4,
    3.9307895800092710610e4,
    2.1213794301586595867e4,
    5.3941960214247511077e3,
    6.8718700749205790830e2,
    4.2313330701600911252e1,
    1.0,
)
_SHOULDER_P = (
    7.74545014278341407640e-4,
    2.27238449892691845833e-2,
    2.41780725177450611770e-1,
    1.27045825245236838258e0,
    3.64784832476320460504e0,
    5.76949722146069140550e0,
    4.63033784615654529590e0,
    1.42343711074968357734e0,
)
_SHOULDER_Q = (
    1.05075007164441684324e-9,
    5.47593808499534494600e-4,
    1.51986665636164571966e-2,
    1.48103976427480074590e-1,
    6.89767334985100004550e-1,
    1.67638483018380384940e0,
    2.05319162663775882187e0,
    1.0,
)
_TAIL_P = (
    2.01033439929228813265e-7,
    2.71155556874348757815e-5,
    1.24266094738807843860e-3,
    2.65321895265761230930e-2,
    2.96560571828504891230e-1,
    1.78482653991729133580e0,
    5.46378491116411436990e0,
    6.65790464350110377720e0,
)
_TAIL_Q = (
    2.04426310338993978564e-15,
    1.42151175831644588870e-7,
    1.84631831751005468180e-5,
    7.86869131145613259100e-4,
    1.48753612908506148525e-2,
    1.36929880922735805310e-1,
    5.99832206555887937690e-1,
    1.0,
)
# B(2k) / (2k (2k - 1)) of lgamma's, and B(2k) / 2k of digamma's asymptotic series (Bernoulli).
_LGAMMA_SERIES = (-691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12)
_DIGAMMA_SERIES = (1 / 12, -691 / 32760, 1 / 132, -1 / 240, 1 / 252, -1 / 120, 1 / 12)
_SHIFT = 10
_EULER = 0.57721566490153286060651209
_ERF_CHUNK = 8192


def _zeta(s: int) -> float:
    """Riemann's zeta by its first terms and the Euler-Maclaurin tail."""
    n = 16.0
    head = math.fsum(float(k) ** -s for k in range(1, 16))
    tail: float = n ** (1 - s) / (s - 1) + 0.5 * n**-s + s * n ** (-s - 1) / 12
    return (
        head
        + tail
        - s * (s + 1) * (s + 2) * n ** (-s - 3) / 720
        + math.prod(range(s, s + 5)) * n ** (-s - 5) / 30240
    )


# lgamma(1 + z) = -euler * z + sum over k >= 2 of zeta(k) * (-z)^k / k, highest power first.
_LGAMMA_NEAR_ONE = (*(_zeta(k) * (-1) ** k / k for k in range(30, 1, -1)), -_EULER, 0.0)
_NEAR = 0.25


def kernels(xp: Any) -> dict[str, Kernel]:
    """Computed in the widest float there is, erf of float32 in float32; rounded to the input's."""
    lib = library(xp)
    xp, nearest = lib.xp, lib["round"]

    def polynomial(x: Array, coefficients: Sequence[float]) -> Array:
        value = x * coefficients[0]
        for coefficient in coefficients[1:-1]:
            value += coefficient
            value *= x
        value += coefficients[-1]
        return value

    def below(x: Array, limit: float) -> Array:
        return xp.clip(x, None, limit)

    def choose(condition: Array, a: Array, b: Array | float) -> Array:
        return xp.where(condition, a, b if hasattr(b, "dtype") else lib.constant(b, a))

    def signed(magnitude: Array, x: Array) -> Array:
        """A magnitude with the sign of `x`."""
        return xp.where(x < 0, -magnitude, magnitude)

    def flat(function: Kernel, dtype: dtypes.dtype | None = None) -> Kernel:
        def kernel(a: Array) -> Array:
            # At least one dim: in-place steps need an array, and 0-d arithmetic may give scalars.
            wide = lib.astype(lib.reshape(a, (-1,)), dtype or lib.widest)
            return lib.astype(lib.reshape(function(wide), tuple(a.shape)), lib.dtype(a))

        return kernel

    def erf_float32(x: Array) -> Array:
        x = xp.clip(x, -4.0, 4.0)
        square = x * x
        x *= polynomial(square, _ERF32_P)
        x /= polynomial(square, _ERF32_Q)
        return xp.clip(x, -1.0, 1.0)

    def erf_in_pieces(x: Array) -> Array:
        if x.shape[0] <= _ERF_CHUNK or not lib.numpy_like:
            return erf_float32(x)
        starts = range(0, x.shape[0], _ERF_CHUNK)  # Pieces that stay in the cache.
        return lib["concat"]([erf_float32(x[s : s + _ERF_CHUNK]) for s in starts])

    def erf_float64(x: Array) -> Array:
        y = xp.abs(x)
        small = below(y, _ERF_SMALL) ** 2
        near = x * polynomial(small, _ERF_SMALL_P) / polynomial(small, _ERF_SMALL_Q)
        large = xp.clip(y, _ERF_SMALL, 6.0)
        erfc = xp.exp(-large * large) * polynomial(large, _ERFC_P) / polynomial(large, _ERFC_Q)
        return xp.where(y <= _ERF_SMALL, near, signed(1.0 - erfc, x))

    wide_erf, single_erf = flat(erf_float64), flat(erf_in_pieces, dtypes.float32)

    def erf(a: Array) -> Array:
        return wide_erf(a) if lib.dtype(a) is dtypes.float64 else single_erf(a)

    def erfinv(x: Array) -> Array:
        half = 0.5 * x
        centre = 0.180625 - below(half * half, 0.180625)
        middle = half * polynomial(centre, _CENTRE_P) / polynomial(centre, _CENTRE_Q)
        outside = 0.5 * (1.0 - xp.abs(x))
        r = xp.sqrt(-xp.log(below(outside, 0.1)))
        near, far = below(r, 5.0) - 1.6, below(r, 40.0) - 5.0
        shoulder = polynomial(near, _SHOULDER_P) / polynomial(near, _SHOULDER_Q)
        tail = polynomial(far, _TAIL_P) / polynomial(far, _TAIL_Q)
        outer = signed(xp.where(r <= 5.0, shoulder, tail), x)
        value = xp.where(xp.abs(half) <= 0.425, middle, outer) / math.sqrt(2)
        infinite = signed(xp.full_like(x, math.inf), x)
        value = xp.where(xp.abs(x) == 1.0, infinite, value)
        return choose(xp.abs(x) <= 1.0, value, math.nan)

    def lgamma_positive(x: Array) -> Array:
        shifts = xp.clip(_SHIFT - xp.floor(x), 0.0, None)
        product = xp.ones_like(x)
        for step in range(_SHIFT):
            product *= choose(step < shifts, x + step, 1.0)
        z = x + shifts
        inverse = 1.0 / z
        series = inverse * polynomial(inverse * inverse, _LGAMMA_SERIES)
        value = (
            (z - 0.5) * (xp.log(z) - 1.0)
            - 0.5
            + 0.5 * math.log(2 * math.pi)
            + series
            - xp.log(product)
        )
        for centre in (1.0, 2.0):  # The zeros of lgamma, where the sum above cancels.
            z = xp.clip(x - centre, -_NEAR, _NEAR)
            taylor = polynomial(z, _LGAMMA_NEAR_ONE) + (xp.log1p(z) if centre == 2.0 else 0.0)
            value = xp.where(xp.abs(x - centre) < _NEAR, taylor, value)
        return xp.where(x == math.inf, x, value)

    def lgamma(x: Array) -> Array:
        negative = x < 0.5
        value = lgamma_positive(xp.where(negative, 1.0 - x, x))
        sine = xp.abs(xp.sin(math.pi * (x - nearest(x))))
        reflected = math.log(math.pi) - xp.log(sine) - value
        reflected = xp.where(x == -math.inf, -x, reflected)
        return xp.where(negative, reflected, value)

    def digamma_positive(x: Array) -> Array:
        shifts = xp.clip(_SHIFT - xp.floor(x), 0.0, None)
        total = xp.zeros_like(x)
        for step in range(_SHIFT):
            total += choose(step < shifts, 1.0 / (x + step), 0.0)
        z = x + shifts
        inverse = 1.0 / (z * z)
        return xp.log(z) - 0.5 / z - inverse * polynomial(inverse, _DIGAMMA_SERIES) - total

    def digamma(x: Array) -> Array:
        negative = x < 0
        value = digamma_positive(xp.where(negative, 1.0 - x, x))
        reflected = value - math.pi / xp.tan(math.pi * (x - nearest(x)))
        pole = choose(x != xp.floor(x), reflected, math.nan)
        value = xp.where(negative, pole, value)
        # 1 / 0 tells the two zeros apart.
        return xp.where(x == 0, -1.0 / x, value)

    return {"erf": erf, "erfinv": flat(erfinv), "lgamma": flat(lgamma), "digamma": flat(digamma)}
