"""`ArrayNamespaceBackend`, and what `dlf.xp` does where arrays cannot be written to."""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlf import dtypes
from dlf.plugin import ArrayNamespaceBackend, Caps
from dlf.xp import kernels, places
from dlf.xp.namespace import library

strict = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")

from tests.kernels.poor_namespace import PoorNamespace  # noqa: E402 # needs it

Array = Any
PAGE = Path(__file__).parents[2] / "docs" / "array-namespace.md"


@pytest.fixture(scope="module")
def backend() -> ArrayNamespaceBackend:
    return ArrayNamespaceBackend(strict, "strict")


def put(backend: ArrayNamespaceBackend, host: Array) -> Any:
    return backend.from_host(host, dtypes.from_numpy(host.dtype), 0)


def test_needs_a_namespace() -> None:
    with pytest.raises(TypeError, match="no array namespace"):
        ArrayNamespaceBackend()


def test_dtypes_are_found_by_trying(backend: ArrayNamespaceBackend) -> None:
    assert "float32" in backend.caps.dtypes
    assert not {"float16", "bfloat16"} & backend.caps.dtypes
    assert ArrayNamespaceBackend(np, "numbers").caps.dtypes == frozenset(dtypes.ALL)


def test_a_class_may_say_its_own() -> None:
    class Few(ArrayNamespaceBackend):
        device_type = "few"
        xp = strict
        caps = Caps(dtypes=frozenset({"float32"}))

    assert Few().caps.dtypes == {"float32"}
    assert Few().probe().devices == ("array_api_strict",)


def test_arrays_are_opaque_and_copies(backend: ArrayNamespaceBackend) -> None:
    host = np.arange(6.0).reshape(2, 3)
    box = put(backend, host)
    host[0, 0] = 7
    assert box.shape == (2, 3)
    assert not hasattr(box, "dtype")
    got = backend.to_host(box)
    assert got[0, 0] == 0
    got[0, 0] = 5
    assert backend.to_host(box)[0, 0] == 0


def test_assign_reaches_no_other_array(backend: ArrayNamespaceBackend) -> None:
    table = backend.kernels()
    box = put(backend, np.zeros((2, 3)))
    others = [table["copy"](box), table["reshape"](box, (2, 3)), table["permute"](box, (0, 1))]
    backend.assign(box, put(backend, np.array([1.0, 2.0, 3.0])))
    np.testing.assert_array_equal(backend.to_host(box), [[1, 2, 3], [1, 2, 3]])
    for other in others:
        assert not backend.to_host(other).any()
    backend.assign(others[0], box)
    backend.assign(box, others[1])
    assert backend.to_host(others[0]).any()


def test_kernels_do_not_warn(backend: ArrayNamespaceBackend) -> None:
    assert backend.array_library.warns
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = backend.kernels()["log"](put(backend, np.array([0.0, -1.0])))
    np.testing.assert_array_equal(backend.to_host(result), [-np.inf, np.nan])


def test_overrides_take_the_library_s_arrays() -> None:
    class Own(ArrayNamespaceBackend):
        device_type = "own"
        xp = np

        def overrides(self) -> dict[str, Any]:
            return {"exp": self.seen, "concat": lambda arrays, dim: np.concatenate(arrays, dim)}

        def seen(self, a: Array) -> Array:
            assert a.dtype != np.float16, "16-bit floats come in float32"
            return np.exp(a)

    own = Own()
    table = own.kernels()
    for dtype in (np.float16, np.float64):
        got = own.to_host(table["exp"](put(own, np.ones(2, dtype))))
        assert got.dtype == dtype
    pair = table["concat"]((put(own, np.ones(2)), put(own, np.zeros(1))), 0)
    np.testing.assert_array_equal(own.to_host(pair), [1, 1, 0])


def test_a_step_gives_what_is_new() -> None:
    class Own(ArrayNamespaceBackend):
        device_type = "own"
        xp = np

        def overrides(self) -> dict[str, Any]:
            def sgd_step(
                params: Any, grads: Any, bufs: Any, first: bool, lr: float, *_: Any
            ) -> Any:
                new = [p - lr * g for p, g in zip(params, grads, strict=True)]
                return (new,) if bufs is None else (new, [b + 1 for b in bufs])

            return {"sgd_step": sgd_step}

    own = Own()
    step = own.kernels()["sgd_step"]
    p, g, b = (put(own, np.full(2, value)) for value in (3.0, 2.0, 0.0))
    step([p], [g], None, True, 0.5, 0, 0, 0, False, False)
    step([p], [g], [b], True, 0.5, 0, 0, 0, False, False)
    np.testing.assert_array_equal(own.to_host(p), [1, 1])
    np.testing.assert_array_equal(own.to_host(b), [1, 1])


def test_what_is_stored_is_finished() -> None:
    finished = []

    class Lazy(ArrayNamespaceBackend):
        device_type = "lazy"
        xp = strict

        def finish(self, array: Array) -> Array:
            finished.append(array)
            return array

        def overrides(self) -> dict[str, Any]:
            return {"sgd_step": lambda params, grads, bufs, *_: ([p + 1 for p in params],)}

    lazy = Lazy()
    table = lazy.kernels()

    def last(count: int = 1) -> list[Array]:
        new = finished[-count:]
        assert len(finished) == count
        finished.clear()
        return new

    box = put(lazy, np.array([[2.0, 1.0]]))
    assert last() == [box.array]
    made = table["neg"](box)
    assert last()[0] is made.array
    values, order = table["sort"](box, 1, False, True)
    assert [id(a) for a in last(2)] == [id(values.array), id(order.array)]
    lazy.assign(box, made)  # Whose array was finished when it was made.
    assert not finished
    table["full"]((1,), 3, dtypes.float64, 0)
    lazy.assign(box, put(lazy, np.zeros(2)))
    assert last(3)[-1] is box.array
    table["sgd_step"]([box], [made], None, False, 0, 0, 0, 0, False, False)
    assert last()[0] is box.array


def test_finish_costs_nothing_unless_it_is_given(backend: ArrayNamespaceBackend) -> None:
    assert backend._close.finish is None
    array = strict.ones(2)
    assert backend.finish(array) is array


def test_overrides_can_use_the_shared_kernels() -> None:
    class Own(ArrayNamespaceBackend):
        device_type = "own"
        xp = strict

        def overrides(self) -> dict[str, Any]:
            shared = self.shared["sum"]
            return {"sum": lambda a, dims, keepdim: shared(a, dims, keepdim) + 1}

    own = Own()
    got = own.kernels()["sum"](put(own, np.ones((2, 3))), (0,), False)
    np.testing.assert_array_equal(own.to_host(got), [3, 3, 3])
    assert own.shared is own.shared
    with pytest.raises(TypeError):
        own.shared["sum"] = None  # type: ignore[index]  # that is what is tested


def test_dtypes_are_left_out() -> None:
    class Narrow(ArrayNamespaceBackend):
        device_type = "narrow"
        xp = strict
        without = frozenset({"float64", "complex128"})
        op_dtypes = {"matmul": frozenset({"float32", "float64"})}

    narrow = Narrow()
    assert {"float32", "int64"} < narrow.caps.dtypes
    assert not narrow.caps.dtypes & Narrow.without
    assert narrow.caps.op_dtypes == {"matmul": {"float32"}}
    assert narrow.array_library.widest is dtypes.float32
    box = put(narrow, np.ones(2, np.float32))
    assert narrow.dtype_of(box) is dtypes.float32
    assert narrow.to_host(narrow.kernels()["lgamma"](box)).dtype == np.float32


def test_wrong_names_of_dtypes_are_refused() -> None:
    wrong = type("Wrong", (ArrayNamespaceBackend,), {"without": {"float65"}})
    with pytest.raises(TypeError, match=r"Wrong: .*'float65'"):
        wrong(strict, "wrong")
    both = {"without": {"float64"}, "caps": Caps(dtypes=frozenset({"float32"}))}
    with pytest.raises(TypeError, match="`caps` says all"):
        type("Both", (ArrayNamespaceBackend,), both)(strict, "both")


def test_the_page_s_code_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    computed = []
    mylib: Any = PoorNamespace()
    mylib.__version__, mylib.compute = "1.0", computed.append
    mylib.pad = lambda a, widths, value: strict.asarray(np.pad(np.asarray(a), widths))
    monkeypatch.setitem(sys.modules, "mylib", mylib)
    first, second = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    names: dict[str, Any] = {}
    exec(compile(first, PAGE.name, "exec"), names)
    mine = names["MyBackend"]()
    pad = mine.kernels()["pad"]
    box = put(mine, np.ones(2, np.float32))
    np.testing.assert_array_equal(mine.to_host(pad(box, ((1, 0),), 0)), [0, 1, 1])
    np.testing.assert_array_equal(mine.to_host(pad(box, ((1, -1),), 0)), [0, 1])
    assert len(computed) == 3
    assert mine.probe().devices == ("mylib 1.0",)
    assert "float64" not in mine.caps.dtypes
    exec(compile(second, PAGE.name, "exec"), names)
    got = kernels(names["xp"])["erf"](strict.asarray([0.0, 9.0]))
    np.testing.assert_array_equal(np.asarray(got), [0, 1])


def test_what_is_found_of_namespaces() -> None:
    numpy, standard = library(np), library(strict)
    assert numpy.numpy_like
    assert numpy.array is np.asarray
    assert numpy.put_add.__name__ == "accumulated"
    assert not standard.numpy_like
    assert standard.takes_scalars
    assert not standard.computes_bools
    assert standard.set_slices.__name__ == "assigned"
    assert standard.put_add.__name__ == "add_sorted"
    assert library(standard) is standard


SIZES = st.lists(st.integers(1, 4), min_size=1, max_size=3)


@given(st.data())
def test_slices_are_set_without_assignment(data: st.DataObject) -> None:
    shape = tuple(data.draw(SIZES))
    index = []
    for n in shape:
        start = data.draw(st.integers(0, n))
        index.append(slice(start, data.draw(st.integers(start, n)), data.draw(st.integers(1, 3))))
    a = np.arange(float(np.prod(shape))).reshape(shape)
    expected = a.copy()
    part = expected[tuple(index)]
    src = -1 - np.arange(float(part.size)).reshape(part.shape)
    part[...] = src
    for xp in (np, strict):
        got = places.set_slices(library(xp), xp.asarray(a), tuple(index), xp.asarray(src))
        np.testing.assert_array_equal(np.asarray(got), expected)


@given(st.data())
def test_places_are_written_without_assignment(data: st.DataObject) -> None:
    """Duplicates add up, or the last of them stays."""
    shape = tuple(data.draw(SIZES))
    dim = data.draw(st.integers(0, len(shape) - 1))
    count = data.draw(st.integers(1, 9))
    drawn = st.lists(st.integers(0, shape[dim] - 1), min_size=count, max_size=count)
    place = np.array(data.draw(drawn))
    a = np.arange(float(np.prod(shape))).reshape(shape)
    src = np.random.default_rng(0).normal(size=(*shape[:dim], count, *shape[dim + 1 :]))
    index = (*[slice(None)] * dim, place)
    added, written = a.copy(), a.copy()
    np.add.at(added, index, src)
    for k, at in enumerate(place):
        written[(*[slice(None)] * dim, at)] = src[(*[slice(None)] * dim, k)]
    for xp in (np, strict):
        whole = (*[slice(None)] * dim, xp.asarray(place))
        arrays = library(xp), xp.asarray(a), whole, xp.asarray(src)
        np.testing.assert_allclose(np.asarray(places.write(*arrays, add=True)), added)
        np.testing.assert_array_equal(np.asarray(places.write(*arrays, add=False)), written)


def test_what_falls_on_one_place_does_not_touch_its_neighbours() -> None:
    a, place = np.zeros(4), np.array([2, 1, 2, 1, 2])
    src = np.array([1.0, np.inf, 2.0, 1.0, 3.0])
    got = places.write(library(np), a, (place,), src, add=True)
    np.testing.assert_array_equal(got, [0, np.inf, 6, 0])
