"""Gradients on the device are those of the reference device in float64.

Primitives by the expressions of `gradient_table`, composites by the first of their samples, all in
the widest floating-point dtype that is claimed; where that is float64, some against finite
differences and some by their second derivatives as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from ...dtypes import dtype_named
from ...registry import Op, registry
from ...tensor import Tensor
from ..case import Case, Skipped
from ..close import assert_close
from ..reference import reference_tensor, widened
from ..subject import Array, Subject
from .fused_inputs import Real, Sample, arguments
from .fused_table import ROWS as COMPOSITES
from .gradient_table import ROWS, Row

__all__ = ["cases"]

FLOATS = ("float64", "float32", "bfloat16", "float16")
# Composites whose second derivatives are compared: those with a gradient that is an op of its own.
TWICE = frozenset(
    (
        "gelu silu sigmoid relu softmax log_softmax linear layer_norm batch_norm rms_norm conv2d "
        "attention flash_attention lstm_gates gru_gates mse_loss"
    ).split()
)
FACTOR = 10.0  # A gradient passes through several ops, each of which rounds.


def cases(subject: Subject) -> Iterator[Case]:
    """Gradients of primitives and composites, and what the engine does with them on the device."""
    for row in ROWS:
        yield _case(row.name, row.op, partial(_first, call=row.call, sample=row.inputs, op=row.op))
        if row.check:
            run = partial(_differences, row=row)
            yield _case(f"{row.name}, differences", row.op, run, "float64")
        if row.second:
            run = partial(_second, call=row.call, sample=row.inputs)
            yield _case(f"{row.name}, second", row.op, run, "float64")
    for op in registry:
        if op.kind == "composite" and op.differentiable and op.name in COMPOSITES:
            yield from _of_composite(op)


def _case(name: str, op: str, run: Callable[[Subject], None], dtype: str = "") -> Case:
    return Case(f"gradient/{name}", run, "gradient", op, dtype)


def _of_composite(op: Op) -> Iterator[Case]:
    sample = next(iter(COMPOSITES[op.name].values()))
    if op.vjp is None and op.dtype is not None:  # a comparison
        return
    if not any(isinstance(x, Real) for x in sample):
        return
    call = op.function
    assert call is not None
    yield _case(op.name, op.name, partial(_first, call=call, sample=sample, op=op.name))
    if op.name in TWICE:
        run = partial(_second, call=call, sample=sample)
        yield _case(f"{op.name}, second", op.name, run, "float64")


def _widest(subject: Subject, op: str) -> str:
    for name in FLOATS:
        if subject.claims(name, op):
            return name
    raise Skipped(f"{op} is claimed for no dtype of {', '.join(FLOATS)}")


Put = Callable[..., Tensor]
Weigh = Callable[[tuple[int, ...]], Array]


def _given(args: list[Any], sample: Sample, put: Put) -> tuple[list[Any], list[Tensor]]:
    """The arguments as tensors, and those of them that are differentiated."""
    made = [
        put(x, isinstance(of, Real)) if isinstance(x, np.ndarray) else x
        for x, of in zip(args, sample, strict=True)
    ]
    return made, [x for x, of in zip(made, sample, strict=True) if isinstance(of, Real)]


def _results(call: Callable[..., Any], made: list[Any]) -> tuple[Tensor, ...]:
    out = call(*made)
    return out if isinstance(out, tuple) else (out,)


def _differentiable(call: Callable[..., Any], args: list[Any], sample: Sample) -> list[int]:
    """Places of the results that require grad in the reference: of what is not there, such as the
    gradient by a mask that was not given, a kernel's zeros do as well.
    """
    made, _ = _given(args, sample, reference_tensor)
    return [i for i, o in enumerate(_results(call, made)) if o.requires_grad]


def _gradients(
    call: Callable[..., Any],
    args: list[Any],
    sample: Sample,
    put: Put,
    weigh: Weigh,
    places: list[int],
) -> list[Array | None]:
    """The results at `places`, and their gradients, each weighted with what `weigh` gives for its
    shape."""
    from ...autograd import grad

    made, wanted = _given(args, sample, put)
    given = _results(call, made)
    results = [given[i] for i in places]
    assert all(o.requires_grad for o in results), "a result does not require grad"
    weights = [put(weigh(tuple(o.shape)), False) for o in results]
    found = grad(results, wanted, weights, allow_unused=True)
    return [
        *(o.detach().cpu().numpy() for o in results),
        *(None if g is None else g.cpu().numpy() for g in found),
    ]


def _first(subject: Subject, call: Callable[..., Any], sample: Sample, op: str) -> None:
    dtype = _widest(subject, op)
    numpy = dtype_named(dtype).numpy
    args = arguments(sample, subject.rng, dtype)
    drawn = subject.rng.uniform(0.5, 1.5, 10_000)

    def weights(shape: tuple[int, ...]) -> Array:
        return np.asarray(np.resize(drawn, shape).astype(numpy))

    wide = [widened(x) if isinstance(x, np.ndarray) else x for x in args]
    places = _differentiable(call, wide, sample)
    assert places, "no result requires grad"
    got = _gradients(call, args, sample, subject.tensor, weights, places)
    expected = _gradients(
        call, wide, sample, reference_tensor, lambda shape: widened(weights(shape)), places
    )
    _compare(got, expected, dtype, "result or gradient", FACTOR)


def _compare(
    got: list[Array | None], expected: list[Array | None], dtype: str, what: str, factor: float
) -> None:
    for number, (one, wanted) in enumerate(zip(got, expected, strict=True)):
        name = f"{what} {number}"
        assert (one is None) == (wanted is None), f"{name}: {one}, expected {wanted}"
        if one is not None and wanted is not None:
            assert_close(one, wanted, dtype, name, factor)


def _differences(subject: Subject, row: Row) -> None:
    from ...autograd import gradcheck

    args = arguments(row.inputs, subject.rng, "float64")
    made, _ = _given(args, row.inputs, subject.tensor)
    gradcheck(row.call, made, fast_mode=True)


def _second(subject: Subject, call: Callable[..., Any], sample: Sample) -> None:
    """The gradient of the sum of the squares of the gradients."""
    args = arguments(sample, subject.rng, "float64")

    def twice(put: Put) -> list[Array | None]:
        from ...autograd import grad

        made, wanted = _given(args, sample, put)
        total = sum((o * o).sum() for o in _results(call, made) if o.requires_grad)
        first = grad(total, wanted, create_graph=True, allow_unused=True)
        squares = sum((g * g).sum() for g in first if g is not None)
        found = grad(squares, wanted, allow_unused=True)
        return [None if g is None else g.cpu().numpy() for g in found]

    got, expected = twice(subject.tensor), twice(reference_tensor)
    _compare(got, expected, "float64", "second derivative", FACTOR * 10)
