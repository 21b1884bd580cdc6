"""Fused kernels give what the op's decomposition gives in float64.

Every composite, and every optimizer's update, for which the device has a kernel of its own is
called with each sample of `fused_table.ROWS` in each floating-point dtype that is claimed for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ...dtypes import from_numpy
from ...registry import Op, registry
from ..case import Case, Skipped
from ..close import assert_close, assert_equal
from ..reference import decomposed
from ..subject import LAYOUTS, Array, Placed, Subject
from .fused_inputs import Sample, arguments
from .fused_table import INTEGERS, ROWS, TOLERANCE_FACTOR

__all__ = ["cases"]

FLOATS = ("float16", "bfloat16", "float32", "float64")


def cases(subject: Subject) -> Iterator[Case]:
    """A case for every fused kernel, dtype and sample, and one more with strided inputs."""
    for op in registry:
        if op.decompose is None or not subject.native(op.name):
            continue
        samples = ROWS.get(op.name)
        if samples is None:
            yield Case(f"fused/{op.name}", _without_row, group="L2", op=op.name)
            continue
        for dtype in (*FLOATS, *(("int64", "int32") if op.name in INTEGERS else ())):
            if subject.claims(dtype, op.name):
                yield from _of(op, dtype, samples)


def _of(op: Op, dtype: str, samples: dict[str, Sample]) -> Iterator[Case]:
    check = _step if op.kind == "step" else _pure
    for number, (label, sample) in enumerate(samples.items()):
        if label.startswith("special") and dtype.startswith("int"):
            continue
        for layout in ("", *(LAYOUTS if number == 0 else ())):
            name = f"fused/{op.name}/{dtype}/{label}" + (f", {layout}" if layout else "")
            run = partial(check, op=op, dtype=dtype, sample=sample, layout=layout)
            yield Case(name, run, "L2", op.name, dtype)


def _without_row(subject: Subject) -> None:
    raise Skipped("the kit has no arguments for this op; its plugin brings its own cases")


def _laid(subject: Subject, x: Any, layout: str) -> Any:
    """`x` on the device in `layout` if it is an array."""
    if not isinstance(x, np.ndarray):
        return x
    return subject.laid(x, layout) if layout else Placed(subject.put(x), x)


def _pure(subject: Subject, op: Op, dtype: str, sample: Sample, layout: str) -> None:
    args = arguments(sample, subject.rng, dtype)
    expected = decomposed(op.name, *args)
    got = subject.call(op.name, *(_laid(subject, x, layout) for x in args))
    if not isinstance(expected, tuple):
        assert not isinstance(got, tuple), f"{op.name} gave {len(got)} results, expected one"
        got, expected = (got,), (expected,)
    assert isinstance(got, tuple), f"{op.name} gave one result, expected {len(expected)}"
    assert len(got) == len(expected), f"{op.name} gave {len(got)} results, not {len(expected)}"
    kinds = _result_dtypes(op, args, dtype, len(expected))
    for number, (one, wanted, kind) in enumerate(zip(got, expected, kinds, strict=True)):
        what = f"{op.name}, result {number}" if len(expected) > 1 else op.name
        _compare(one, wanted, kind, what, op.name)


def _result_dtypes(op: Op, args: list[Any], dtype: str, count: int) -> tuple[str, ...]:
    """The names of the results' floating-point dtypes: the case's, unless the op has a rule."""
    if not callable(op.dtype):
        return (dtype,) * count
    kinds = [from_numpy(x.dtype) if isinstance(x, np.ndarray) else None for x in args[: op.inputs]]
    found = op.dtype(*kinds, *args[op.inputs :])
    return tuple(k.name for k in found) if isinstance(found, tuple) else (found.name,) * count


def _compare(got: Array, wanted: Array, dtype: str, what: str, op: str) -> None:
    if wanted.dtype == np.float64:
        assert_close(got, wanted, dtype, what, TOLERANCE_FACTOR.get(op, 1.0))
    else:
        assert_equal(got, wanted, what)


def _step(subject: Subject, op: Op, dtype: str, sample: Sample, layout: str) -> None:
    """An update writes its parameters and states, and nothing else."""
    from ...ops import step

    args = arguments(sample, subject.rng, dtype)
    expected = decomposed(op.name, *args)
    kernel = subject.kernel(op.name)
    given: list[Any] = [
        [_laid(subject, x, layout) for x in a] if isinstance(a, list) else a for a in args
    ]
    kernel(*[[x.array for x in a] if isinstance(a, list) else a for a in given])
    changes = getattr(step, op.name).changes
    for at, (arrays, wanted) in enumerate(zip(given, expected, strict=True)):
        if not isinstance(arrays, list):
            continue
        for number, (placed, host) in enumerate(zip(arrays, wanted, strict=True)):
            what = f"{op.name}: {op.params[at]}[{number}]"
            if at in changes:
                assert_close(subject.get(placed.array), host, dtype, what)
            else:
                assert_equal(subject.get(placed.array), placed.host, f"{what}, only read")
