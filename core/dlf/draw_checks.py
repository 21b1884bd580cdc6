"""What the distributions refuse, wherever their numbers are drawn; errors are `RuntimeError`s."""

from __future__ import annotations

from . import dtypes
from .dtypes import dtype as DType

__all__ = [
    "choices",
    "floating",
    "geometric",
    "integers",
    "normal",
    "permutation",
    "positive",
    "probability",
    "uniform",
    "weights",
]


def floating(name: str, dtype: DType) -> None:
    """`dtype` is floating-point or complex."""
    if dtype.category < dtypes.FLOATING:
        raise RuntimeError(f"{name} is not implemented for {dtype}; it needs a floating dtype")


def uniform(low: float, high: float, dtype: DType) -> None:
    """The range is none that ends before it begins."""
    if dtype.category < dtypes.FLOATING:
        floating("uniform", dtype)
    if low > high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}"
        )


def normal(std: object, negative: bool, dtype: DType) -> None:
    """The deviation is not `negative`."""
    if dtype.category < dtypes.FLOATING:
        floating("normal", dtype)
    if negative:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")


def positive(name: str, parameter: str, value: float, dtype: DType) -> None:
    """`value`, named `parameter`, is above 0."""
    floating(name.rstrip("_"), dtype)
    if value <= 0:
        raise RuntimeError(f"{name} expects {parameter} > 0.0, but found {parameter}={value}")


def integers(low: int, high: int, dtype: DType) -> None:
    """The range is not empty, and an integral `dtype` holds it."""
    if low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    if dtype.category == dtypes.INTEGRAL:
        limits = dtypes.iinfo(dtype)
        if low < limits.min or high - 1 > limits.max:
            raise RuntimeError(f"random_: [{low}, {high}) is out of bounds for {dtype}")


def permutation(n: int) -> None:
    """`n` is not negative."""
    if n < 0:
        raise RuntimeError(f"randperm: n must be non-negative, got {n}")


def probability(p: object, within: bool) -> None:
    """`p` is `within` [0, 1]."""
    if not within:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")


def geometric(p: float) -> None:
    """`p` is within (0, 1)."""
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")


def choices(shape: tuple[int, ...], num_samples: int, replacement: bool) -> None:
    """Weights of `shape` are rows, and have as many categories as are wanted."""
    if len(shape) not in (1, 2):
        raise RuntimeError(f"multinomial expects weights of 1 or 2 dimensions, got {len(shape)}")
    if num_samples <= 0:
        raise RuntimeError("cannot sample num_samples <= 0 samples")
    if not replacement and num_samples > shape[-1]:
        raise RuntimeError(
            f"cannot sample {num_samples} of {shape[-1]} categories without replacement"
        )


def weights(regular: bool, totals: bool) -> None:
    """Weights are `regular`, finite and not negative, and all rows' `totals` are above 0."""
    if not regular:
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not totals:
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
