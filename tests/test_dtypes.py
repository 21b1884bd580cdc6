"""dtypes, promotion, finfo and iinfo: each rule against PyTorch's over all dtypes."""

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch

from dlf import dtypes
from tests.support.oracle import DTYPES, dtype_name


class Shaped:
    """As much of a tensor as promotion looks at."""

    def __init__(self, dtype: dtypes.dtype, ndim: int) -> None:
        self.dtype, self.ndim = dtype, ndim


@pytest.fixture
def default_dtype() -> Iterator[Any]:
    def set_both(name: str) -> None:
        dtypes.set_default_dtype(dtypes.ALL[name])
        torch.set_default_dtype(getattr(torch, name))

    yield set_both
    set_both("float32")


@pytest.mark.parametrize("name", DTYPES)
def test_attributes(name: str) -> None:
    ours, theirs = dtypes.ALL[name], getattr(torch, name)
    for attribute in ("itemsize", "is_floating_point", "is_complex", "is_signed"):
        assert getattr(ours, attribute) == getattr(theirs, attribute)
    assert repr(ours) == repr(theirs).replace("torch.", "dlf.")
    assert dtype_name(ours.to_real()) == dtype_name(theirs.to_real())
    assert ours.numpy.itemsize == ours.itemsize


@pytest.mark.parametrize("name", DTYPES)
def test_singletons(name: str) -> None:
    ours = dtypes.ALL[name]
    assert pickle.loads(pickle.dumps(ours)) is ours
    assert copy.copy(ours) is ours
    assert copy.deepcopy([ours])[0] is ours
    assert dtypes.from_numpy(ours.numpy) is ours
    assert dtypes.dtype_named(repr(ours)) is ours


def test_aliases_are_pytorchs() -> None:
    for alias, ours in dtypes.ALIASES.items():
        assert dtype_name(getattr(torch, alias)) == ours.name


def test_unknown_attribute_and_name() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = dtypes.float32.nothing  # type: ignore[attr-defined]  # what the test is about
    with pytest.raises(TypeError, match="float33"):
        dtypes.dtype_named("float33")


def test_from_numpy() -> None:
    assert dtypes.from_numpy(np.dtype(">f4")) is dtypes.float32
    assert dtypes.from_numpy(np.dtype(ml_dtypes.bfloat16)) is dtypes.bfloat16
    with pytest.raises(TypeError, match="uint16"):
        dtypes.from_numpy(np.dtype(np.uint16))
    with pytest.raises(TypeError, match="object"):
        dtypes.from_numpy(np.dtype(object))


@pytest.mark.parametrize("left", DTYPES)
def test_promote_types_and_can_cast(left: str) -> None:
    for right in DTYPES:
        ours = dtypes.ALL[left], dtypes.ALL[right]
        theirs = getattr(torch, left), getattr(torch, right)
        assert dtypes.promote_types(*ours).name == dtype_name(torch.promote_types(*theirs))
        assert dtypes.can_cast(*ours) == torch.can_cast(*theirs)


@pytest.mark.parametrize("default", ["float32", "float64", "bfloat16"])
def test_promote_has_three_classes(default: str, default_dtype: Any) -> None:
    default_dtype(default)
    tensors = [
        (Shaped(dtypes.ALL[name], ndim), torch.ones((1,) * ndim, dtype=getattr(torch, name)))
        for name in DTYPES
        for ndim in (0, 1)
    ]
    numbers = [(value, value) for value in (True, 1, 1.0, 1j)]
    for (a, torch_a), (b, torch_b) in itertools.product(tensors, tensors + numbers):
        expected = dtype_name(torch.result_type(torch_a, torch_b))
        if expected != "complex32":
            assert dtypes.promote([a, b]).name == expected
            assert dtypes.promote([b, a]).name == expected


def test_promote_refuses() -> None:
    with pytest.raises(TypeError, match="str"):
        dtypes.promote(["a"])
    with pytest.raises(RuntimeError):
        dtypes.promote([])


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("kind", ["finfo", "iinfo"])
def test_limits(kind: str, name: str) -> None:
    try:
        theirs = getattr(torch, kind)(getattr(torch, name))
    except TypeError:
        with pytest.raises(TypeError):
            getattr(dtypes, kind)(dtypes.ALL[name])
        return
    ours = getattr(dtypes, kind)(dtypes.ALL[name])
    assert repr(ours) == repr(theirs)
    for attribute in (a for a in dir(theirs) if not a.startswith("_")):
        assert getattr(ours, attribute) == getattr(theirs, attribute)
    assert ours == getattr(dtypes, kind)(dtypes.ALL[name])


def test_default_dtype(default_dtype: Any) -> None:
    assert dtypes.get_default_dtype() is dtypes.float32
    default_dtype("float64")
    assert dtypes.finfo().dtype == "float64"
    assert dtypes.default_complex_dtype() is dtypes.complex128
    for refused in (dtypes.int32, dtypes.complex64, "float32"):
        with pytest.raises(TypeError):
            dtypes.set_default_dtype(refused)  # type: ignore[arg-type]  # what the test is about
