"""What `dlf.xp` does for a library that does less than the array API standard asks."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest

from dlf import dtypes
from dlf.plugin import ArrayNamespaceBackend
from dlf.xp import Library, kernels
from dlf.xp.namespace import UnknownDtypeError, library

strict = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")

from tests.kernels.poor_namespace import PoorNamespace  # noqa: E402 # needs it

Array = Any


def put(backend: ArrayNamespaceBackend, host: Array) -> Any:
    return backend.from_host(host, dtypes.from_numpy(host.dtype), 0)


def test_matrix_products_are_tried() -> None:
    def matmul(a: Array, b: Array) -> Array:
        if not strict.isdtype(a.dtype, ("real floating", "complex floating")):
            raise ValueError("only floats")
        return strict.matmul(a, b)

    few = PoorNamespace()
    few.matmul = matmul
    floats = {"float32", "float64", "complex64", "complex128"}
    assert ArrayNamespaceBackend(few, "few").caps.op_dtypes == {"matmul": floats}
    for xp in (np, strict):
        assert not ArrayNamespaceBackend(xp, "all").caps.op_dtypes


def test_a_dtype_that_dlf_does_not_have_is_named() -> None:
    class Odd(ArrayNamespaceBackend):
        device_type = "odd"
        xp = strict

        def overrides(self) -> dict[str, Any]:
            return {
                "neg": lambda a: strict.astype(a, strict.uint32),
                "abs": lambda a: self.shared["neg"](strict.astype(a, strict.uint32) % 2.0),
                "sqrt": lambda a: self.shared["floor"](strict.astype(a, strict.uint32)),
            }

    table, box = Odd().kernels(), put(Odd(), np.ones(2))
    with pytest.raises(TypeError, match=r"^neg: the library gave an array of .*uint32.*overrides"):
        table["neg"](box)
    with pytest.raises(TypeError, match=r"^sqrt: the library gave an array of .*uint32"):
        table["sqrt"](box)
    with pytest.raises(UnknownDtypeError, match="uint32"):
        library(strict).dtype(strict.ones(1, dtype=strict.uint32))


def test_a_library_that_refuses_empty_arrays() -> None:
    poor = ArrayNamespaceBackend(PoorNamespace(), "poor")
    table = poor.kernels()

    def run(name: str, shape: tuple[int, ...], *rest: Any) -> Array:
        return poor.to_host(table[name](put(poor, np.ones(shape)), *rest))

    np.testing.assert_array_equal(run("sum", (0, 2), (0,), False), [0, 0])
    np.testing.assert_array_equal(run("prod", (0, 2), (0,), True), [[1, 1]])
    np.testing.assert_array_equal(run("all", (0,), (0,), False), True)
    np.testing.assert_array_equal(run("any", (0,), (0,), False), False)
    assert run("max", (0, 2), (1,), False).shape == (0,)
    assert run("argmax", (0, 2), 1, True).dtype == np.int64
    assert run("cumsum", (0, 2), 0).shape == (0, 2)
    places = put(poor, np.array([0, 1]))
    assert run("take", (2, 0), places, 0).shape == (2, 0)
    with pytest.raises(IndexError):
        run("take", (1, 0), places, 0)
    with pytest.raises(IndexError):
        run("take", (0, 2), places, 0)
    empty = put(poor, np.ones((2, 0)))
    assert run("index_add", (2, 0), places, empty, 0).shape == (2, 0)
    np.testing.assert_array_equal(run("matmul", (3, 2, 0), put(poor, np.ones((1, 0, 1)))), 0)
    np.testing.assert_array_equal(run("pad", (0,), ((1, 1),), 5.0), [5, 5])
    with pytest.raises(ValueError, match="empty"):  # Nothing has no greatest element.
        run("max", (0, 2), (0,), False)


def test_quotients_are_rounded_down_as_pytorch_does() -> None:
    floordiv = kernels(PoorNamespace())["floordiv"]
    assert not Library(PoorNamespace()).floors
    inf, nan = np.inf, np.nan
    a = np.array([1.0, inf, 1.0, -1.0, -1.0, 0.0, 5.0, -5.0, -0.0, 0.0, inf, -inf, nan, 1e-20])
    b = np.array([0.1, 2.0, 0.0, 0.0, inf, inf, -inf, 3.0, 2.0, 0.0, inf, 1.0, 1.0, -1.0])
    with np.errstate(all="ignore"):
        got = np.asarray(floordiv(strict.asarray(a), strict.asarray(b)))
    expected = [9, nan, inf, -inf, -1, 0, -1, -2, -0.0, nan, nan, nan, nan, -1]
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(np.signbit(got)[[5, 8]], [False, True])


def test_equals_keep_their_order_without_a_keyword_for_it() -> None:
    lib = Library(PoorNamespace())
    assert lib.stable_argsort.__name__ == "twice"
    rng = np.random.default_rng(0)
    for axis in (0, 1):
        a = rng.integers(0, 3, (40, 30)).astype(float)
        a[rng.random(a.shape) < 0.2] = np.nan
        got = np.asarray(lib.stable_argsort(strict.asarray(a), axis))
        np.testing.assert_array_equal(got, np.argsort(a, axis=axis, stable=True))


def lenient() -> types.SimpleNamespace:
    """NumPy whose look-ups clip what is out of range, as some libraries' do."""
    functions = {name: getattr(np, name) for name in dir(np) if not name.startswith("__")}
    functions["take"] = lambda a, i, axis: np.take(a, i, axis=axis, mode="clip")
    return types.SimpleNamespace(**functions)


def test_an_index_out_of_range_is_refused() -> None:
    table, index = kernels(Library(lenient())), np.array([0, 5])
    with pytest.raises(IndexError, match=r"\[0, 3\)"):
        table["take"](np.arange(3), index, 0)
    with pytest.raises(IndexError, match=r"\[0, 3\)"):
        table["index_add"](np.arange(3), index, np.arange(2), 0)
    assert list(kernels(Library(lenient(), checked=False))["take"](np.arange(3), index, 0)) == [
        0,
        2,
    ]
