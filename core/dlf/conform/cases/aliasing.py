"""Whose memory a kernel's result lies in: views where they are claimed, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ...dtypes import dtype_named
from ...registry import registry
from ..case import Case, Skipped
from ..close import assert_same
from ..subject import Array, Subject
from .arguments import arguments
from .samples import case, describe, distinct, kind

__all__ = ["cases"]

_MOVES: dict[str, tuple[tuple[Any, ...], ...]] = {
    "reshape": (((12,),), ((2, 6),), ((3, 4),), ((1, 3, 4, 1),)),
    "permute": (((1, 0),), ((0, 1),)),
    "broadcast_to": (((2, 3, 4),), ((3, 4),)),
    "slice": (
        ((0, 0), (1, 1), (3, 4)),
        ((1, 0), (1, 2), (2, 2)),
        ((2, 3), (-1, -1), (3, 4)),
        ((1, 2), (1, 1), (1, 1)),
    ),
}
_DTYPES = ("float32", "int64", "bool")


def cases(subject: Subject) -> Iterator[Case]:
    """For the four movement kernels whether they alias; for the others that they do not."""
    for op in _MOVES:
        for dtype in _DTYPES:
            yield case(op, dtype, "aliasing", partial(_moved, op=op, dtype=dtype))
    for one in registry:
        made = one.kind == "primitive" and one.name not in (*_MOVES, "full", "arange", "copy")
        if made and arguments(subject, one, "float32") is not None:
            for dtype in _own_dtypes(one.name):
                yield case(one.name, dtype, "own memory", partial(_own, op=one.name, dtype=dtype))


def _own_dtypes(op: str) -> tuple[str, ...]:
    if op in ("bit_and", "bit_or", "bit_xor", "shl", "shr"):
        return ("int64",)
    # What keeps integers as they are might give them back as they are.
    kept = op in ("floor", "round", "abs", "sign", "pow")
    return ("float32", "int64", "uint8") if kept else ("float32",)


def _other(x: Array) -> Array:
    """Values that differ from those of `x` everywhere."""
    return np.asarray(x == 0).astype(x.dtype)


def _moved(subject: Subject, op: str, dtype: str) -> None:
    views = "views" in subject.backend.caps.features
    for attributes in _MOVES[op]:
        x = distinct(subject, dtype, (3, 4))
        what = describe(op, (x, *attributes))
        _forward(subject, op, x, attributes, views, what)
        if op != "broadcast_to":  # Its elements may lie in one place, so none are written.
            _backward(subject, op, x, attributes, views, what)
    if views and op == "slice":
        _nested(subject, dtype)


def _forward(
    subject: Subject, op: str, x: Array, attributes: tuple[Any, ...], views: bool, what: str
) -> None:
    """A write into the input is seen in the result of a view, and in no other."""
    source = subject.put(x)
    moved = subject.kernel(op)(source, *attributes)
    before = subject.get(moved).copy()
    subject.backend.assign(source, subject.put(_other(x)))
    seen = _other(before) if views else before
    how = "which claims views" if views else "which claims no views"
    assert_same(subject.get(moved), seen, f"{what}, after a write into its input on a device {how}")


def _backward(
    subject: Subject, op: str, x: Array, attributes: tuple[Any, ...], views: bool, what: str
) -> None:
    """A write into the result is seen in the input of a view, and in no other."""
    source = subject.put(x)
    moved = subject.kernel(op)(source, *attributes)
    before = subject.get(moved).copy()
    subject.backend.assign(moved, subject.put(_other(before)))
    assert_same(subject.get(moved), _other(before), f"{what}, after a write into it")
    expected = x
    if views:
        # Where the elements came from, from the same movement of their numbers.
        numbers = np.arange(x.size).reshape(x.shape)
        subject.need("int64")
        places = subject.get(subject.kernel(op)(subject.put(numbers), *attributes)).reshape(-1)
        expected = x.copy()
        expected.reshape(-1)[places] = _other(x).reshape(-1)[places]
    assert_same(
        subject.get(source), expected, f"the input of {what}, after a write into the result"
    )


def _nested(subject: Subject, dtype: str) -> None:
    """Views of views reach the same memory."""
    x = distinct(subject, dtype, (3, 4))
    source = subject.put(x)
    flipped = subject.kernel("permute")(source, (1, 0))
    part = subject.kernel("slice")(flipped, (1, 0), (2, 1), (2, 3))
    subject.backend.assign(part, subject.put(_other(np.ascontiguousarray(x.T[1::2]))))
    expected = x.copy()
    expected.T[1::2] = _other(x.T[1::2])
    assert_same(subject.get(source), expected, "the base of a slice of a permutation, written")
    value = np.ones((), kind(dtype))
    subject.backend.assign(part, subject.put(value))
    expected.T[1::2] = value
    assert_same(subject.get(source), expected, "the base of a slice, one value written all over it")


def _own(subject: Subject, op: str, dtype: str) -> None:
    """A write into the result leaves the inputs as they are, and the other way round."""
    subject.need("int64", "bool")
    args = arguments(subject, registry[op], dtype)
    assert args is not None
    inputs: list[tuple[Any, Array]] = []

    def put(x: Any) -> Any:
        if isinstance(x, tuple):
            return tuple(map(put, x))
        if not isinstance(x, np.ndarray):
            return x
        inputs.append((subject.put(x), x))
        return inputs[-1][0]

    what = describe(op, args)
    result = subject.kernel(op)(*map(put, args))
    for one in result if isinstance(result, tuple) else (result,):
        value = subject.get(one).copy()
        subject.backend.assign(one, subject.put(_other(value)))
        for array, host in inputs:
            assert_same(
                subject.get(array), host, f"an input of {what}, after a write into the result"
            )
        subject.backend.assign(one, subject.put(value))
        for array, host in inputs:
            subject.backend.assign(array, subject.put(_other(host)))
        assert_same(subject.get(one), value, f"{what}, after a write into its inputs")
        for array, host in inputs:
            subject.backend.assign(array, subject.put(host))
    if not inputs:
        raise Skipped(f"{op} takes no arrays of {dtype_named(dtype)}")
