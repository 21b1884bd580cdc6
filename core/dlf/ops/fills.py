"""Tensor's methods that fill it with random numbers, in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import dtypes
from ..inplace import check_writable, write
from ..tensor import Tensor
from . import drawing
from .indexing import overwrite

__all__ = ["FILLS"]


def _filler(name: str, draw: Callable[..., Tensor], doc: str) -> Any:
    def method(self: Tensor, *args: Any, generator: Any = None, **kwargs: Any) -> Tensor:
        check_writable(self, name)
        drawn = draw(self, *args, generator=generator, **kwargs)
        return write(self, overwrite(self, drawn), name)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = doc
    return method


def _like(names: drawing.Both, t: Tensor, generator: Any, *parameters: Any) -> Tensor:
    return drawing.drawn(names, t._data.shape, t.dtype, t.device, generator, parameters)


def _uniform(
    t: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Any = None, **named: float
) -> Tensor:
    return _like(drawing.UNIFORM, t, generator, named.get("from", from_), to)


def _normal(t: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Tensor:
    return _like(drawing.NORMAL, t, generator, mean, std)


# Up to these, ends included, floating-point numbers hold every integer.
_WHOLE = {dtypes.float16: 2**11, dtypes.bfloat16: 2**8, dtypes.float32: 2**24}


def _random(
    t: Tensor, from_: int = 0, to: int | None = None, *, generator: Any = None, **named: int
) -> Tensor:
    from_ = named.get("from", from_)
    if to is None and from_:
        from_, to = 0, from_
    if to is None and t.dtype.is_floating_point:
        to = _WHOLE.get(t.dtype, 2**53)
    elif to is None:
        to = 2 if t.dtype is dtypes.bool else min(dtypes.iinfo(t.dtype).max, 2**63 - 2) + 1
    return _like(drawing.INTEGERS, t, generator, from_, to)


def _filled_bernoulli(t: Tensor, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    return drawing.bernoulli_of(t._data.shape, p, t.dtype, t.device, generator)


def _exponential(t: Tensor, lambd: float = 1.0, *, generator: Any = None) -> Tensor:
    return _like(drawing.EXPONENTIAL, t, generator, lambd)


def _cauchy(t: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Any = None) -> Tensor:
    return _like(drawing.CAUCHY, t, generator, median, sigma)


def _log_normal(t: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Any = None) -> Tensor:
    return _like(drawing.LOG_NORMAL, t, generator, mean, std)


def _geometric(t: Tensor, p: float, *, generator: Any = None) -> Tensor:
    return _like(drawing.GEOMETRIC, t, generator, p)


FILLS: dict[str, Any] = {
    "uniform_": _filler("uniform_", _uniform, "Fill with numbers spread evenly over [from, to)."),
    "normal_": _filler("normal_", _normal, "Fill with normally distributed numbers."),
    "random_": _filler("random_", _random, "Fill with integers of [from, to)."),
    "bernoulli_": _filler(
        "bernoulli_", _filled_bernoulli, "Fill with ones of probability p and zeros."
    ),
    "exponential_": _filler(
        "exponential_", _exponential, "Fill with exponentially distributed numbers."
    ),
    "cauchy_": _filler("cauchy_", _cauchy, "Fill with numbers of the Cauchy distribution."),
    "log_normal_": _filler(
        "log_normal_", _log_normal, "Fill with numbers whose logarithm is normally distributed."
    ),
    "geometric_": _filler("geometric_", _geometric, "Fill with counts of trials up to a success."),
}
