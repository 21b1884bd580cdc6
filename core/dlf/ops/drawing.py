"""One door for all draws: the host or the device, by the generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import draws, dtypes, random
from ..devices import device as Device
from ..tensor import Tensor
from . import distributions
from .creation import from_host

__all__ = [
    "BERNOULLI",
    "CAUCHY",
    "EXPONENTIAL",
    "GEOMETRIC",
    "INTEGERS",
    "LOG_NORMAL",
    "NORMAL",
    "UNIFORM",
    "Both",
    "Shape",
    "bernoulli_of",
    "drawn",
    "host_of",
]

Shape = tuple[int, ...]
Both = tuple[Callable[..., Any], Callable[..., Tensor]]
"""A distribution: the function of `dlf.draws`, and that of `distributions`."""

UNIFORM: Both = draws.uniform_array, distributions.uniform
NORMAL: Both = draws.normal_array, distributions.normal
INTEGERS: Both = draws.integers_array, distributions.integers
BERNOULLI: Both = draws.bernoulli_array, distributions.bernoulli
EXPONENTIAL: Both = draws.exponential_array, distributions.exponential
CAUCHY: Both = draws.cauchy_array, distributions.cauchy
LOG_NORMAL: Both = draws.log_normal_array, distributions.log_normal
GEOMETRIC: Both = draws.geometric_array, distributions.geometric


def drawn(
    names: Both,
    shape: Shape,
    dtype: dtypes.dtype,
    device: Device,
    generator: Any,
    parameters: tuple[Any, ...] = (),
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of a distribution, drawn by the host or by the device."""
    if generator is None and device.type == "cpu":
        source = random.default_generator  # Small tensors notice the call that would find it.
    else:
        source = random.source(device, generator)
    if source._offset is None:
        host = names[0](shape, *parameters, dtype, source)
        return from_host(host, dtype, device, requires_grad)
    made: Tensor = names[1](shape, *parameters, dtype, device, source)
    return made.requires_grad_() if requires_grad else made


def host_of(t: Tensor) -> Any:
    """The values of `t` as a host array."""
    return t.detach().numpy(force=True)


def bernoulli_of(
    shape: Shape, p: Any, dtype: dtypes.dtype, device: Device, generator: Any
) -> Tensor:
    """Ones with probability `p`, a number or a tensor that broadcasts to `shape`, zeros else."""
    if isinstance(p, Tensor) and random.source(device, generator).on_host:
        p = host_of(p)
    return drawn(BERNOULLI, shape, dtype, device, generator, (p,))
