"""What the kit's cases of kernels are made with: comparisons, samples, the oracle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dlf.conform import Skipped, Subject
from dlf.conform.cases import samples, special
from dlf.conform.close import assert_close, assert_equal, assert_rounded, assert_same
from dlf.conform.subject import LAYOUTS
from tests.conform.shared import Shared


class TestMessages:
    """What was computed, on what, and a few numbers."""

    @pytest.fixture
    def wrong(self) -> Callable[..., Subject]:
        def make(**wrong: Callable[..., Any]) -> Subject:
            device = Shared()
            device.shared.update(wrong)
            return device

        return make

    def test_values(self, wrong: Callable[..., Subject]) -> None:
        device = wrong(add=np.subtract)
        a, b = np.arange(6.0).reshape(2, 3), np.ones((2, 3))
        said = (
            r"add\(float64\[2, 3\], float64\[2, 3\]\): 6 of 6 values are wrong: "
            r"at \(0, 0\) got -1.0, expected 1.0; at \(0, 1\)"
        )
        with pytest.raises(AssertionError, match=said):
            samples.verify(device, "add", (a, b), a + b)

    def test_shape_and_dtype(self, wrong: Callable[..., Subject]) -> None:
        device = wrong(sum=lambda a, dims, keepdim: a, neg=lambda a: -a.astype(np.float32))
        with pytest.raises(AssertionError, match=r"sum\(.*, \(0\), True\): shape \(5,\), expected"):
            samples.verify(device, "sum", (np.ones(5), (0,), True), np.full(1, 5.0))
        with pytest.raises(AssertionError, match="dtype float32, expected float64"):
            samples.verify(device, "neg", (np.ones(5),), -np.ones(5))

    def test_raised(self, wrong: Callable[..., Subject]) -> None:
        def kernel(a: Any) -> Any:
            raise ZeroDivisionError("by nothing")

        with pytest.raises(AssertionError, match=r"neg\(float64\[5\]\): ZeroDivisionError: by not"):
            samples.verify(wrong(neg=kernel), "neg", (np.ones(5),), -np.ones(5))

    def test_python_number(self, wrong: Callable[..., Subject]) -> None:
        device = wrong(sum=lambda a, dims, keepdim: 5.0)
        with pytest.raises(AssertionError, match=r"a kernel gave 5.0, which is no array"):
            samples.verify(device, "sum", (np.ones(5), (0,), False), np.array(5.0))

    def test_changed_input(self, wrong: Callable[..., Subject]) -> None:
        device = wrong(neg=lambda a: np.negative(a, out=a))
        with pytest.raises(AssertionError, match="neg changed an input"):
            samples.verify(device, "neg", (np.ones(5),), -np.ones(5))

    def test_warnings_count(self) -> None:
        device = Shared()
        device.shared["exp"] = np.exp
        with pytest.raises(AssertionError, match="RuntimeWarning: overflow"):
            samples.verify(device, "exp", (np.array([1e9]),), np.array([np.inf]))


class TestClose:
    def test_close_to_the_floor(self) -> None:
        got, wanted = np.array([1e-6], np.float32), np.array([0.0])
        assert_close(got, wanted, "float32")
        with pytest.raises(AssertionError, match="1 of 1 values are wrong"):
            assert_close(got, wanted, "float32", floor=1e-2)

    def test_specials_stand_where_they_are_expected(self) -> None:
        wanted = np.array([np.nan, np.inf, -np.inf, 1.0])
        assert_close(wanted.astype(np.float32), wanted, "float32")
        for wrong in ([1, np.inf, -np.inf, 1], [np.nan, -np.inf, -np.inf, 1], [np.nan, 1, 1, 1]):
            with pytest.raises(AssertionError):
                assert_close(np.array(wrong, np.float32), wanted, "float32")

    def test_same_looks_at_the_sign_of_zero(self) -> None:
        minus, plus = np.array([-0.0, np.nan]), np.array([0.0, -np.nan])
        assert_equal(minus, plus)
        assert_same(minus, minus)
        with pytest.raises(AssertionError, match="1 of 2"):
            assert_same(minus, plus)
        with pytest.raises(AssertionError):
            assert_same(np.array([complex(0, -0.0)]), np.array([0j]))

    @pytest.mark.parametrize(("dtype", "bits"), [("float16", 11), ("bfloat16", 8)])
    def test_rounded_once(self, dtype: str, bits: int) -> None:
        kind = samples.kind(dtype)
        exact = np.random.default_rng(0).uniform(1, 2, 1000)
        unit = 2.0 ** (1 - bits)
        assert_rounded(exact.astype(kind), exact, dtype)
        cut = np.floor(exact / unit) * unit
        with pytest.raises(AssertionError):
            assert_rounded(cut.astype(kind), exact, dtype)
        infinite = np.array([np.inf, -np.inf, np.nan, 1e39])
        with np.errstate(over="ignore"):
            assert_rounded(infinite.astype(kind), infinite, dtype)


class TestSubject:
    @pytest.mark.parametrize("name", ["cpu", "sim"])
    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4), (2, 0, 3)])
    def test_layouts_keep_values(self, name: str, layout: str, shape: tuple[int, ...]) -> None:
        device = Subject(name)
        x = device.rng.random(shape)
        placed = device.laid(x, layout)
        assert_same(device.get(placed.array), x)
        assert_same(device.call("neg", placed), -x)

    def test_layouts_are_views_where_there_are_views(self) -> None:
        for layout in LAYOUTS:
            array = Subject("cpu").laid(np.ones((3, 4)), layout).array
            assert not array.flags.owndata
            assert array.flags.c_contiguous == (layout == "shifted")

    @pytest.mark.usefixtures("strangers")
    def test_need(self) -> None:
        device = Subject("bare")
        device.need("float32", "int64")
        with pytest.raises(Skipped, match="does not claim float64"):
            device.need("int64", "float64")


class TestOracle:
    def test_special_functions(self) -> None:
        euler = 0.5772156649015329
        expected = [-euler, 1 - euler, -euler - 2 * np.log(2), 2 - euler - 2 * np.log(2)]
        got = special.digamma(np.array([1, 2, 0.5, 1.5]))
        np.testing.assert_allclose(got, expected, rtol=1e-14)
        np.testing.assert_allclose(special.digamma(-0.5), expected[3], rtol=1e-14)
        y = np.array([-0.99, -0.3, 1e-6, 0.5, 0.999])
        np.testing.assert_allclose(special.erf(special.erfinv(y)), y, rtol=1e-14)
        np.testing.assert_array_equal(special.erfinv([1, -1, 2]), [np.inf, -np.inf, np.nan])
        np.testing.assert_array_equal(special.lgamma([0, -1, -np.inf]), [np.inf] * 3)

    def test_wrapping(self) -> None:
        assert samples.wrapped([300, -1, 255], "uint8").tolist() == [44, 255, 255]
        assert samples.wrapped([128, -129, 2**70 + 5], "int8").tolist() == [-128, 127, 5]

    @pytest.mark.parametrize("dtype", samples.ALL)
    def test_samples_have_the_dtype(self, dtype: str) -> None:
        device = Subject("cpu")
        for shape in samples.SHAPES:
            for made in (
                samples.draw(device, dtype, shape),
                samples.distinct(device, dtype, shape),
            ):
                assert (made.shape, made.dtype) == (shape, samples.kind(dtype))

    def test_distinct_needs_every_bit(self) -> None:
        x = samples.distinct(Subject("cpu"), "float64", (40,))
        finite = x[np.isfinite(x) & (x != 0)]
        assert (finite.astype(np.float32) != finite).all()
        assert len(set(finite.tolist())) == len(finite)
