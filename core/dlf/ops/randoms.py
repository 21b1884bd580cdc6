"""Random tensors: drawn on the host by the generator, then put on the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import draws, dtypes, random
from ..devices import resolve
from ..inplace import check_writable, write
from ..tensor import Tensor
from .creation import from_host, shape_of
from .indexing import overwrite

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


def _source(generator: Any) -> Any:
    if generator is not None and not isinstance(generator, random.Generator):
        raise TypeError(f"generator must be a dlf.Generator, got {type(generator).__name__}")
    return generator


def rand(
    *size: Any,
    generator: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers spread evenly over [0, 1)."""
    dtype = dtype or dtypes.get_default_dtype()
    return from_host(
        draws.uniform_array(shape_of(size), 0.0, 1.0, dtype, _source(generator)),
        dtype,
        resolve(device),
        requires_grad,
    )


def randn(
    *size: Any,
    generator: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normally distributed numbers of mean 0 and variance 1."""
    dtype = dtype or dtypes.get_default_dtype()
    return from_host(
        draws.normal_array(shape_of(size), 0.0, 1.0, dtype, _source(generator)),
        dtype,
        resolve(device),
        requires_grad,
    )


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
    return from_host(
        draws.integers_array(shape_of((size,)), int(low), int(high), dtype, _source(generator)),
        dtype,
        resolve(device),
        requires_grad,
    )


def randperm(n: int, *, generator: Any = None, dtype: Any = None, device: Any = None) -> Tensor:
    """The integers 0 to n - 1 in random order."""
    dtype = dtype or dtypes.int64
    return from_host(draws.permutation_array(n, dtype, _source(generator)), dtype, resolve(device))


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


def _host(t: Tensor) -> Any:
    return t.detach().numpy(force=True)


def bernoulli(input: Tensor, p: float | None = None, *, generator: Any = None) -> Tensor:
    """Ones with probability `input` (or `p`), zeros else."""
    drawn = draws.bernoulli_array(
        input._data.shape, _host(input) if p is None else p, input.dtype, _source(generator)
    )
    return from_host(drawn, input.dtype, input.device)


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Any = None
) -> Tensor:
    """Indices drawn in proportion to each row's weights."""
    return from_host(
        draws.multinomial_array(_host(input), num_samples, replacement, _source(generator)),
        dtypes.int64,
        input.device,
    )


def poisson(input: Tensor, generator: Any = None) -> Tensor:
    """Counts of the Poisson distribution with the rates `input`."""
    return from_host(
        draws.poisson_array(_host(input), input.dtype, _source(generator)),
        input.dtype,
        input.device,
    )


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
        return from_host(
            draws.normal_array(shape_of((size,)), mean, std, dtype, _source(generator)),
            dtype,
            resolve(device),
        )
    return (
        randn(like._data.shape, generator=generator, dtype=like.dtype, device=like.device) * std
        + mean
    )


def _filler(name: str, draw: Callable[..., Any], doc: str) -> Any:
    def method(self: Tensor, *args: Any, generator: Any = None, **kwargs: Any) -> Tensor:
        check_writable(self, name)
        drawn = draw(self, *args, generator=generator, **kwargs)
        return write(self, overwrite(self, from_host(drawn, self.dtype, self.device)), name)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = doc
    return method


def _uniform(
    t: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Any = None, **named: float
) -> Any:
    return draws.uniform_array(
        t._data.shape, named.get("from", from_), to, t.dtype, _source(generator)
    )


def _normal(t: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Any:
    return draws.normal_array(t._data.shape, mean, std, t.dtype, _source(generator))


def _random(t: Tensor, from_: int = 0, to: int | None = None, *, generator: Any = None) -> Any:
    if to is None and from_:
        from_, to = 0, from_
    if to is None:
        to = (
            2**24
            if t.dtype is dtypes.float32
            else 2**53
            if t.dtype.is_floating_point
            else (2 if t.dtype is dtypes.bool else min(dtypes.iinfo(t.dtype).max, 2**63 - 2) + 1)
        )
    return draws.integers_array(t._data.shape, from_, to, t.dtype, _source(generator))


def _bernoulli(t: Tensor, p: Any = 0.5, *, generator: Any = None) -> Any:
    return draws.bernoulli_array(
        t._data.shape, _host(p) if isinstance(p, Tensor) else p, t.dtype, _source(generator)
    )


def _exponential(t: Tensor, lambd: float = 1.0, *, generator: Any = None) -> Any:
    return draws.exponential_array(t._data.shape, lambd, t.dtype, _source(generator))


def _cauchy(t: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Any = None) -> Any:
    return draws.cauchy_array(t._data.shape, median, sigma, t.dtype, _source(generator))


def _geometric(t: Tensor, p: float, *, generator: Any = None) -> Any:
    return draws.geometric_array(t._data.shape, p, t.dtype, _source(generator))


BINDINGS: dict[str, Any] = {
    "bernoulli": bernoulli,
    "multinomial": multinomial,
    "uniform_": _filler("uniform_", _uniform, "Fill with numbers spread evenly over [from, to)."),
    "normal_": _filler("normal_", _normal, "Fill with normally distributed numbers."),
    "random_": _filler("random_", _random, "Fill with integers of [from, to)."),
    "bernoulli_": _filler("bernoulli_", _bernoulli, "Fill with ones of probability p and zeros."),
    "exponential_": _filler(
        "exponential_", _exponential, "Fill with exponentially distributed numbers."
    ),
    "cauchy_": _filler("cauchy_", _cauchy, "Fill with numbers of the Cauchy distribution."),
    "geometric_": _filler("geometric_", _geometric, "Fill with counts of trials up to a success."),
}
