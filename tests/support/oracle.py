"""Runs one expression in dlf and in PyTorch, its oracle, and compares what comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch

import dlf

DTYPES = """
bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128
""".split()

# Relative and absolute tolerance; results of few roundings in the same type.
TOLERANCE = {
    "float64": (1e-9, 1e-10),
    "complex128": (1e-9, 1e-10),
    "float32": (1e-4, 1e-5),
    "complex64": (1e-4, 1e-5),
    "float16": (5e-3, 5e-3),
    "bfloat16": (4e-2, 4e-2),
}


def dtype_name(dtype: Any) -> str:
    return str(dtype).split(".")[-1]


def pair(array: np.ndarray, dtype: str | None = None, grad: bool = False) -> tuple[Any, Any]:
    """The array as a tensor of dlf and as one of PyTorch, each with its own memory."""
    ours, theirs = dlf.from_numpy(array.copy()), torch.from_numpy(array.copy())
    if dtype is not None:
        ours, theirs = ours.to(getattr(dlf, dtype)), theirs.to(getattr(torch, dtype))
    if grad:
        ours.requires_grad_()
        theirs.requires_grad_()
    return ours, theirs


def host(t: Any) -> np.ndarray:
    """A tensor's values, of either library, as float64, complex128, int64 or bool."""
    name = dtype_name(t.dtype)
    if isinstance(t, torch.Tensor):
        values = (t.detach().float() if name == "bfloat16" else t).numpy(force=True)
    else:
        values = np.asarray(t.detach().cpu().numpy())
    wide = {"f": np.float64, "b": np.float64, "c": np.complex128, "i": np.int64, "u": np.int64}
    return values if name == "bool" else values.astype(wide[name[0]])


def assert_same(ours: Any, theirs: Any, tolerance: tuple[float, float] | None = None) -> None:
    """Both have the same structure, shapes, dtypes and, within the dtype's tolerance, values."""
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, dlf.Tensor), f"expected a tensor, got {ours!r}"
        name = dtype_name(theirs.dtype)
        assert dtype_name(ours.dtype) == name
        assert tuple(ours.shape) == tuple(theirs.shape)
        rtol, atol = tolerance or TOLERANCE.get(name, (0.0, 0.0))
        np.testing.assert_allclose(host(ours), host(theirs), rtol, atol)
    elif isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs)
        for mine, yours in zip(ours, theirs, strict=True):
            assert_same(mine, yours, tolerance)
    else:
        assert ours == theirs or (ours != ours and theirs != theirs)


def outcome(call: Callable[[], Any]) -> Any:
    """What a call returns, or the error that it raises."""
    try:
        return call()
    except Exception as error:
        return error


def assert_same_outcome(call: Callable[..., Any], *pairs: tuple[Any, Any]) -> None:
    """`call`, of a library and its tensors, gives the same in both, or the same type of error."""
    expected = outcome(lambda: call(torch, *(theirs for _, theirs in pairs)))
    got = outcome(lambda: call(dlf, *(ours for ours, _ in pairs)))
    if isinstance(expected, Exception):
        assert_same_error(got, expected)
    elif isinstance(got, Exception):
        raise got
    else:
        assert_same(got, expected)


def assert_same_error(got: Any, expected: Exception) -> None:
    """`got` is an error of the type of PyTorch's `expected`, and says something."""
    # PyTorch's NotImplementedError only says that it has no kernel for a dtype.
    kind = RuntimeError if isinstance(expected, NotImplementedError) else type(expected)
    assert isinstance(got, kind), f"expected {expected!r}, got {got!r}"
    assert str(got).strip(), "an error without a message"


def flat(results: Any) -> list[Any]:
    """The tensors of a result, however nested."""
    if isinstance(results, list | tuple):
        return [t for result in results for t in flat(result)]
    return [results] if isinstance(results, dlf.Tensor | torch.Tensor) else []


def differentiable(results: Any) -> list[Any]:
    return [t for t in flat(results) if t.requires_grad]


def weighted_sum(results: Sequence[Any], lib: Any) -> Any:
    """A scalar in which each element of the results has a weight of its own."""
    total: Any = 0
    for place, t in enumerate(results):
        n = max(t.numel(), 1)
        weights = np.cos(np.arange(n) * 0.7 + place)[: t.numel()].reshape(tuple(t.shape))
        total = total + (t * lib.from_numpy(np.array(weights)).to(t.dtype)).sum()
    return total


def assert_same_gradients(
    call: Callable[..., Any],
    arrays: Sequence[np.ndarray],
    tolerance: tuple[float, float] = (1e-7, 1e-8),
) -> None:
    """The gradients by all floating arrays agree, of the weighted sum of all outputs."""
    pairs = [pair(a, grad=a.dtype.kind in "fc") for a in arrays]
    ours, theirs = [p[0] for p in pairs], [p[1] for p in pairs]
    out, expected = differentiable(call(dlf, *ours)), differentiable(call(torch, *theirs))
    assert len(out) == len(expected), "another number of outputs requires grad"
    if not expected:
        pytest.fail("no output requires grad: mark the row with grad=False")
    weighted_sum(out, dlf).backward()
    weighted_sum(expected, torch).backward()
    for mine, yours in zip(ours, theirs, strict=True):
        if not yours.requires_grad:
            continue
        if yours.grad is None:
            assert mine.grad is None or not host(mine.grad).any()
        else:
            assert mine.grad is not None, "no gradient"
            assert_same(mine.grad, yours.grad, tolerance)
