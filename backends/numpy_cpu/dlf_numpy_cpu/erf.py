"""The error function in float32, by way of tanh.

``erf(x / sqrt(2)) = tanh(x * q(x * x))`` with a smooth q, and NumPy computes tanh as fast as two
products. The rational functions for q were fitted by iterated weighted least squares (Lawson, 1961)
to ``q(t) = atanh(erf(sqrt(t / 2))) / sqrt(t)`` for t up to 31, above which erf rounds to 1. They
stay finite and positive for all t, infinity included.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["SQUARE_SCALE", "erf32", "normal_squashed"]

Array = npt.NDArray[Any]


def _constants(*values: float) -> list[Array]:
    # NumPy takes 0-d arrays in half the time of Python floats.
    return [np.array(value, np.float32) for value in values]


# Weighted for the absolute error of erf, 1.1e-7 at most: q = A t + B + C / (t + D + E / (t + F)).
_A, _B, _C, _D, _E, _F = _constants(
    0.018138, 1.18331554, -2.6669124308950174, -23.591931024370208, 1382.4735507432533, 45.3102998
)
# Weighted for its relative error, 3.3e-9 at most: P(t) / Q(t), highest power first, of x = z
# * sqrt(2) for erf(z).
_P = _constants(0.0001925345130451204, 0.007538913281272478, 0.09892664282172912, 0.79788456345480)
_Q = _constants(4.0615480848665474e-05, 0.005922477044126404, 0.07844627613133105, 1.0)
SQUARE_SCALE = float(_A)
_BOUND = np.array(1e6, np.float32)
_ROOT2 = np.array(2**0.5, np.float32)


def normal_squashed(x: Array, square: Array, out: Array) -> None:
    """``erf(x / sqrt(2))`` into `out`, and ``SQUARE_SCALE * x * x`` into `square`, in float32.

    Its error is up to 2.5e-7, absolute: as much as ``1 + erf`` rounds by.
    """
    np.multiply(x, x, out=square)
    np.add(square, _F, out=out)
    np.divide(_E, out, out=out)
    out += square
    out += _D
    np.divide(_C, out, out=out)
    out += _B
    square *= _A
    out += square
    out *= x
    np.tanh(out, out=out)


def erf32(z: Array, out: Array) -> None:
    """``erf(z)`` into `out`, in float32, to 4 units in the last place."""
    # With `out`, as a product of 0-d arrays is a scalar otherwise.
    x, square, below = np.empty_like(z), np.empty_like(z), np.empty_like(z)
    np.multiply(z, _ROOT2, out=x)
    np.multiply(x, x, out=square)
    # The ratio is that of its leading terms from far below this bound on.
    np.minimum(square, _BOUND, out=square)
    np.multiply(square, _Q[0], out=below)
    below += _Q[1]
    np.multiply(square, _P[0], out=out)
    out += _P[1]
    for p, q in zip(_P[2:], _Q[2:], strict=True):
        out *= square
        out += p
        below *= square
        below += q
    out /= below
    out *= x
    np.tanh(out, out=out)
