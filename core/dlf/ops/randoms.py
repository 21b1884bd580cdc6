"""Random tensors: drawn by the device where it can, else on the host and put on the device."""

from __future__ import annotations

from typing import Any

from .. import draws, dtypes, random
from ..devices import resolve
from ..tensor import Tensor
from . import distributions
from .creation import from_host, shape_of
from .drawing import INTEGERS, NORMAL, UNIFORM, bernoulli_of, drawn, host_of
from .fills import FILLS

__all__ = [
    "BINDINGS",
    "bernoulli",
    "multinomial",
    "normal",
    "poisson",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
]


def rand(
    *size: Any,
    generator: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers spread evenly over [0, 1)."""
    dtype = dtype or dtypes.get_default_dtype()
    where = resolve(device)
    shape = shape_of(size)
    return drawn(UNIFORM, shape, dtype, where, generator, (0.0, 1.0), requires_grad)


def randn(
    *size: Any,
    generator: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normally distributed numbers of mean 0 and variance 1."""
    dtype = dtype or dtypes.get_default_dtype()
    where = resolve(device)
    shape = shape_of(size)
    return drawn(NORMAL, shape, dtype, where, generator, (0.0, 1.0), requires_grad)


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers spread evenly over [low, high); ``randint(high, size)`` starts at 0."""
    if size is None:
        low, high, size = 0, low, high
    dtype = dtype or dtypes.int64
    where = resolve(device)
    shape, ends = shape_of((size,)), (int(low), int(high))
    return drawn(INTEGERS, shape, dtype, where, generator, ends, requires_grad)


def randperm(n: int, *, generator: Any = None, dtype: Any = None, device: Any = None) -> Tensor:
    """The integers 0 to n - 1 in random order."""
    dtype = dtype or dtypes.int64
    where = resolve(device)
    source = random.source(where, generator)
    if source.on_host:
        return from_host(draws.permutation_array(n, dtype, source), dtype, where)
    return distributions.permutation(n, dtype, where, source)


def rand_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    generator: Any = None,
) -> Tensor:
    """`rand` in `input`'s shape, dtype and device."""
    return rand(
        input._data.shape,
        dtype=dtype or input.dtype,
        device=device or input.device,
        requires_grad=requires_grad,
        generator=generator,
    )


def randn_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    generator: Any = None,
) -> Tensor:
    """`randn` in `input`'s shape, dtype and device."""
    return randn(
        input._data.shape,
        dtype=dtype or input.dtype,
        device=device or input.device,
        requires_grad=requires_grad,
        generator=generator,
    )


def randint_like(
    input: Tensor, low: int, high: int | None = None, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """`randint` in `input`'s shape, dtype and device."""
    if high is None:
        low, high = 0, low
    return randint(
        low, high, input._data.shape, dtype=dtype or input.dtype, device=device or input.device
    )


def bernoulli(input: Tensor, p: float | None = None, *, generator: Any = None) -> Tensor:
    """Ones with probability `input` (or `p`), zeros else.

    RuntimeError for a probability outside [0, 1]; a tensor of them is not looked at on an
    asynchronous device, as PyTorch does.
    """
    chance = input if p is None else p
    return bernoulli_of(input._data.shape, chance, input.dtype, input.device, generator)


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Any = None
) -> Tensor:
    """Indices drawn in proportion to each row's weights.

    RuntimeError for weights that are negative, infinite or NaN, or whose sum is 0; on an
    asynchronous device they are not looked at.
    """
    source = random.source(input.device, generator)
    if source.on_host:
        host = draws.multinomial_array(host_of(input), num_samples, replacement, source)
        return from_host(host, dtypes.int64, input.device)
    return distributions.multinomial(input, num_samples, replacement, input.device, source)


def poisson(input: Tensor, generator: Any = None) -> Tensor:
    """Counts of the Poisson distribution with the rates `input`.

    They are drawn on the host on every device, from the place of its generator, so that the host
    waits for `input`.
    """
    source = random.source(input.device, generator)
    host = draws.poisson_array(host_of(input), input.dtype, source.host(input.numel()))
    return from_host(host, input.dtype, input.device)


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Any = None,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """Normally distributed numbers; `mean` and `std` may be tensors, else `size` is needed."""
    like = next((v for v in (mean, std) if isinstance(v, Tensor)), None)
    if like is None:
        dtype = dtype or dtypes.get_default_dtype()
        return drawn(NORMAL, shape_of((size,)), dtype, resolve(device), generator, (mean, std))
    return (
        randn(like._data.shape, generator=generator, dtype=like.dtype, device=like.device) * std
        + mean
    )


BINDINGS: dict[str, Any] = {
    "bernoulli": bernoulli,
    "multinomial": multinomial,
    **FILLS,
}
