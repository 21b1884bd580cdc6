"""`gradcheck` and `gradgradcheck`: gradients against central differences.

A complex number counts as a pair of real ones, so that one Jacobian of reals serves all dtypes; by
PyTorch's convention a gradient's real and imaginary part are the derivatives by the number's parts.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..tensor import Tensor
from .engine import grad
from .mode import enable_grad, no_grad

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

Host = np.ndarray[Any, Any]


class GradcheckError(RuntimeError):
    """A gradient differs from the finite differences, or from itself when taken again."""


def gradcheck(
    func: Callable[..., Tensor | Sequence[Tensor]],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    fast_mode: bool = False,
) -> bool:
    """Whether the gradients of `func` agree with central differences at `inputs`.

    Args:
        func: gives a tensor or several from `inputs`.
        inputs: what `func` is called with; checked are the tensors that require grad, and those
            should be float64 or complex128.
        eps: the step of the differences. Default: 1e-6.
        atol, rtol: absolute and relative tolerance. Defaults: 1e-5, 1e-3.
        raise_exception: False returns False instead of raising `GradcheckError`. Default: True.
        nondet_tol: how far two backward passes may differ. Default: 0.
        fast_mode: compare the Jacobians along one random direction only. Default: False.

    Raises:
        GradcheckError: they do not agree.
        ValueError: no input requires grad.
    """
    arguments = _as_tuple(inputs)
    try:
        _check(func, arguments, eps, atol, rtol, nondet_tol, fast_mode)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Tensor | Sequence[Tensor]],
    inputs: Tensor | Sequence[Any],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    fast_mode: bool = False,
) -> bool:
    """Whether the second derivatives of `func` agree with central differences of the first.

    Args:
        grad_outputs: weights of the outputs that require grad. Default: random normal numbers.
        gen_non_contig_grad_outputs: make the random weights non-contiguous. Default: False.

    The other arguments and the errors are those of `gradcheck`.
    """
    arguments = _as_tuple(inputs)
    with enable_grad():
        outputs = _differentiable(func(*arguments))
    if grad_outputs is None:
        weights = tuple(_random_like(out, gen_non_contig_grad_outputs) for out in outputs)
    else:
        weights = _as_tuple(grad_outputs)
    count = len(weights)

    def first_derivative(*both: Any) -> tuple[Tensor, ...]:
        values, scales = both[:-count], both[-count:]
        wanted = [value for value in values if _is_checked(value)]
        results = _differentiable(func(*values))
        found = grad(results, wanted, scales, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    if not weights:
        raise ValueError("gradgradcheck: no output of the function requires grad")
    return gradcheck(
        first_derivative,
        (*arguments, *weights),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        fast_mode=fast_mode,
    )


def _as_tuple(values: Any) -> tuple[Any, ...]:
    return (values,) if isinstance(values, Tensor) else tuple(values)


def _is_checked(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def _differentiable(outputs: Any) -> tuple[Tensor, ...]:
    return tuple(out for out in _as_tuple(outputs) if _is_checked(out))


def _random_like(out: Tensor, strided: bool) -> Tensor:
    from .. import draws

    shape = (*out.shape, 2) if strided else tuple(out.shape)
    weight = _to_tensor(draws.normal_array(shape, dtype=out.dtype), out)
    return (weight[..., 0] if strided else weight).requires_grad_()


def _check(
    func: Callable[..., Any],
    inputs: tuple[Any, ...],
    eps: float,
    atol: float,
    rtol: float,
    nondet_tol: float,
    fast: bool,
) -> None:
    wanted = [value for value in inputs if _is_checked(value)]
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none has "
            "requires_grad=True"
        )
    for at, value in enumerate(wanted):
        if value.dtype.name not in ("float64", "complex128"):
            warnings.warn(
                f"gradcheck: input {at} is {value.dtype}; differences are exact enough only in "
                "dlf.float64 and dlf.complex128",
                stacklevel=3,
            )
    slopes = _slopes_along if fast else _slopes_of_all
    for at, value in enumerate(wanted):
        for place in _checked_places(func, inputs):
            numerical, analytical = slopes(func, inputs, value, place, eps, nondet_tol)
            if not np.allclose(analytical, numerical, rtol, atol, equal_nan=True):
                raise GradcheckError(
                    f"Jacobian mismatch for output {place} with respect to input {at},\n"
                    f"numerical:{numerical}\nanalytical:{analytical}\n"
                )


def _checked_places(func: Callable[..., Any], inputs: tuple[Any, ...]) -> list[int | None]:
    """The outputs that require grad; where none does, None stands for all that they are."""
    outputs = _outputs(func, inputs)
    places: list[int | None] = [i for i, out in enumerate(outputs) if _is_checked(out)]
    return places or [None]


def _outputs(func: Callable[..., Any], inputs: tuple[Any, ...]) -> tuple[Tensor, ...]:
    with enable_grad():
        return _as_tuple(func(*inputs))


def _values(t: Tensor) -> Host:
    """The elements in a row, complex ones as pairs, in float64."""
    host: Host = np.ascontiguousarray(t.detach().cpu().numpy())
    if t.dtype.is_complex:
        host = host.reshape(-1).view(t.dtype.to_real().numpy)
    return host.reshape(-1).astype(np.float64)


def _to_tensor(host: Host, like: Tensor) -> Tensor:
    from ..ops.creation import from_numpy

    return from_numpy(host).to(like.device)


def _from_values(values: Host, like: Tensor) -> Tensor:
    part = values.astype(like.dtype.to_real().numpy)
    return _to_tensor(part.view(like.dtype.numpy).reshape(tuple(like.shape)), like)


def _differences(
    func: Callable[..., Any],
    inputs: tuple[Any, ...],
    value: Tensor,
    place: int | None,
    step: Host,
) -> Host:
    """Central differences of output `place` (None: all outputs) as `value` moves by `step`."""
    base = _values(value)
    ends = []
    try:
        for sign in (1.0, -1.0):
            # In place, so that a function that holds the tensor itself sees the change, too.
            _write(value, base + sign * step)
            outputs = _outputs(func, inputs)
            shown = outputs if place is None else (outputs[place],)
            ends.append(np.concatenate([_values(out) for out in shown]))
    finally:
        _write(value, base)
    difference: Host = ends[0] - ends[1]
    return difference / 2


def _write(value: Tensor, values: Host) -> None:
    with no_grad():
        value.copy_(_from_values(values, value))


def _pull(out: Tensor, value: Tensor, weight: Host) -> Host:
    """The gradient for `value` of the sum of `out` weighted so."""
    if not out.requires_grad:
        return np.zeros(_values(value).size)
    (found,) = grad(out, value, _from_values(weight, out), retain_graph=True, allow_unused=True)
    if found is None:
        return np.zeros(_values(value).size)
    if found.shape != value.shape or found.dtype is not value.dtype:
        raise GradcheckError(
            f"the gradient of an input of shape {list(value.shape)} and {value.dtype} has shape "
            f"{list(found.shape)} and {found.dtype}"
        )
    return _values(found)


# The differences come first in both: they write to the input, which makes an older graph stale.


def _slopes_of_all(
    func: Callable[..., Any],
    inputs: tuple[Any, ...],
    value: Tensor,
    place: int | None,
    eps: float,
    nondet_tol: float,
) -> tuple[Host, Host]:
    """Both Jacobians, numerical and analytical, [input elements, output elements]."""
    steps = np.eye(_values(value).size) * eps
    rows = [_differences(func, inputs, value, place, step) / eps for step in steps]
    numerical = np.array(rows).reshape(len(steps), -1)
    if place is None:
        return numerical, np.zeros_like(numerical)
    out = _outputs(func, inputs)[place]
    weights = np.eye(_values(out).size)
    columns = [_pull(out, value, weight) for weight in weights]
    for column, weight in zip(columns, weights, strict=True):
        again = _pull(out, value, weight)
        if not np.allclose(column, again, 0, nondet_tol, equal_nan=True):
            raise GradcheckError(
                f"the backward pass of output {place} is not reproducible: taken twice, the same "
                f"gradient differs by {np.abs(again - column).max()}"
            )
    return numerical, np.array(columns).reshape(-1, len(steps)).T


def _slopes_along(
    func: Callable[..., Any],
    inputs: tuple[Any, ...],
    value: Tensor,
    place: int | None,
    eps: float,
    nondet_tol: float,
) -> tuple[Host, Host]:
    """The slope along a random direction of a random mean of the output, found both ways."""
    from .. import random

    draw = random.default_generator.numpy
    direction = draw.standard_normal(_values(value).size)
    direction /= max(float(np.linalg.norm(direction)), 1.0e-300)
    change = _differences(func, inputs, value, place, direction * eps) / eps
    weight = draw.standard_normal(change.size)
    weight /= max(float(np.abs(weight).sum()), 1.0e-300)
    numerical = np.atleast_1d(change @ weight)
    if place is None:
        return numerical, np.zeros_like(numerical)
    out = _outputs(func, inputs)[place]
    return numerical, np.atleast_1d(_pull(out, value, weight) @ direction)
