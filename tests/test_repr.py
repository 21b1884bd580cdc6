"""How tensors print: PyTorch's text with its name replaced."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import dlf
from tests.support.oracle import pair

LIBRARIES: tuple[Any, Any] = (dlf, torch)


@pytest.fixture(autouse=True)
def default_options() -> Iterator[None]:
    yield
    for lib in LIBRARIES:
        lib.set_printoptions(profile="default")


def assert_prints_alike(ours: Any, theirs: Any) -> None:
    assert repr(ours) == repr(theirs).replace("torch.", "dlf.")


VALUES: list[Any] = [
    1.5,
    3,
    True,
    2 + 3j,
    [],
    [[]],
    [1, -2, 300],
    [True, False],
    [1.0, 2.0, 3.0],
    [1.0, 2.5, -3.25],
    [0.0, -0.0],
    [1e-5, 1.0],
    [1e9, 1.0],
    [1.0, math.nan, math.inf, -math.inf],
    [math.nan],
    [1.5, math.inf],
    [1e5, 123456.0],
    [1e-8, 1e8],
    [[1.0, 2.0], [3.0, 4.5]],
    [[[1, 2], [3, 4]], [[5, 6], [7, 8]]],
    [1 + 1j, -2.5 - 0.5j],
    list(range(2000)),
    [[0.1] * 40] * 40,
    [[0.123456] * 30] * 3,
    [0.5] * 30,
]


@pytest.mark.parametrize("value", VALUES, ids=lambda v: str(v)[:30])
def test_table(value: Any) -> None:
    assert_prints_alike(dlf.tensor(value), torch.tensor(value))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0), ()])
@pytest.mark.parametrize("name", ["float32", "float64", "int64", "int32", "bool", "bfloat16"])
def test_small_shapes(shape: tuple[int, ...], name: str) -> None:
    ours, theirs = pair(np.ones(shape), name)
    assert_prints_alike(ours, theirs)


@pytest.mark.parametrize(
    "options",
    [
        {"precision": 2},
        {"precision": 8, "linewidth": 40},
        {"sci_mode": True},
        {"sci_mode": False},
        {"threshold": 5, "edgeitems": 1},
        {"threshold": 5, "edgeitems": 0},
        {"profile": "short"},
        {"profile": "full"},
        {"linewidth": 120},
    ],
    ids=str,
)
def test_options(options: dict[str, Any]) -> None:
    for lib in LIBRARIES:
        lib.set_printoptions(**options)
    for shape in ((3,), (60,), (2, 60), (4, 9, 3), (1200,)):
        ours, theirs = pair(np.random.default_rng(0).normal(size=shape) * 50)
        assert_prints_alike(ours, theirs)


def test_get_printoptions_round_trips() -> None:
    dlf.set_printoptions(precision=3, sci_mode=True)
    options = dlf.get_printoptions()
    assert options == {
        "precision": 3, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": True
    }  # fmt: skip
    dlf.set_printoptions(profile="default")
    dlf.set_printoptions(**options)
    assert dlf.get_printoptions() == options


def test_gradient_suffixes() -> None:
    ours, theirs = pair(np.array([1.0, 2.0], np.float32), grad=True)
    assert_prints_alike(ours, theirs)
    assert_prints_alike(ours + 1, theirs + 1)
    assert_prints_alike((ours * 2).detach(), (theirs * 2).detach())


def test_parameter() -> None:
    for shape in ((2,), (2, 2), (0,)):
        ours = dlf.nn.Parameter(dlf.ones(shape))
        theirs = torch.nn.Parameter(torch.ones(shape))
        assert_prints_alike(ours, theirs)


def test_formats_single_numbers() -> None:
    assert f"{dlf.tensor(1.25):.1f}" == f"{torch.tensor(1.25):.1f}"
    assert f"{dlf.tensor([1, 2])}" == f"{torch.tensor([1, 2])}"


ELEMENTS = {
    "float32": st.floats(width=32),
    "float64": st.one_of(st.floats(), st.integers(-9999, 9999).map(float)),
    "int64": st.integers(-(10**6), 10**6),
    "bool": st.booleans(),
    "complex64": st.complex_numbers(max_magnitude=1e6, width=64),
}


@given(st.data())
def test_any_values(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(ELEMENTS)))
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=8))
    array = data.draw(hnp.arrays(np.dtype(name), shape, elements=ELEMENTS[name]))
    ours, theirs = pair(np.asarray(array))
    assert_prints_alike(ours, theirs)
