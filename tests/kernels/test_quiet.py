"""Kernels raise no floating-point warnings, whatever thread or settings they run in."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from dlf_numpy_cpu import elementwise
from dlf_numpy_cpu.quiet import silent


def test_a_taken_context_is_gone_round(monkeypatch: pytest.MonkeyPatch) -> None:
    run = silent()
    monkeypatch.setattr(elementwise, "silent", lambda: run)
    div = elementwise.kernels()["div"]
    a = np.array([1.0, 0.0, -1.0], np.float32)

    def inside() -> list[Any]:
        with pytest.raises(RuntimeError, match="cannot enter context"):
            run(int)
        return [div(a, np.zeros_like(a)), div(a, 2.0), div(1.0, a)]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = run(inside)
    inf, nan = np.inf, np.nan
    for got, want in zip(
        found, ([inf, nan, -inf], [0.5, 0.0, -0.5], [1.0, inf, -1.0]), strict=True
    ):
        assert (type(got), got.dtype) == (np.ndarray, np.float32)
        np.testing.assert_array_equal(got, np.array(want, np.float32))


def test_many_threads_in_one_kernel() -> None:
    """NumPy lets other threads run during long loops, so the context is often taken."""
    div = elementwise.kernels()["div"]
    a = np.arange(200_000, dtype=np.float32)
    want, zeros = a / np.float32(3), np.zeros(a.size - 1, np.float32)

    def work(_: int) -> bool:
        return bool((div(a, 3.0) == want).all() and np.isinf(div(a[1:], zeros)).all())

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(work, range(200)))
