"""Indexing: reading, assignment and gradients against PyTorch, by a table and by generated keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import dlf
from tests.support.oracle import assert_same, assert_same_error, assert_same_gradients, outcome

SHAPE = (4, 3, 5)
NUMBERS: dict[str, float] = {"float": -7.5, "int": -7}
# An index that comes twice: which of two values is kept is up to the library.
REPEATED = [-1, 1, 1]

KEYS: list[Any] = [
    (),
    0,
    -1,
    ...,
    None,
    slice(None),
    slice(1, 3),
    slice(-2, None),
    slice(None, None, 2),
    slice(3, 1),
    slice(0, 100),
    (0, 1, 2),
    (0, ..., 1),
    (..., 1),
    (slice(1, 3), slice(None), slice(None, None, 3)),
    (None, 0, None, ..., None),
    (slice(None), None, 1),
    [0, 2],
    REPEATED,
    [],
    ([0, 1], [1, 2]),
    ([[0], [1]], [[1, 2]]),
    ([0, 1], slice(None), [1, 2]),
    (slice(None), [0, 1], [1, 2]),
    (slice(None), [0, 2]),
    ([3, 0], ..., [0, 4]),
    (0, [0, 2]),
    ([0, 2], 0),
    (0, slice(None), [0, 1]),
    ([0, 1], None, [1, 2]),
    (None, [0, 1], [1, 2]),
    (slice(1, 3), [0, 2], None),
    ([0, 1], 0, slice(1, 4, 2)),
    True,
    False,
    np.array([True, False, True, False]),
    np.zeros(4, bool),
    (slice(None), np.array([True, False, True])),
    np.arange(12).reshape(4, 3) % 2 == 0,
    np.arange(60).reshape(SHAPE) % 7 == 0,
    (np.array([True, False, True, False]), [0, 1]),
    (..., np.array([True, False, True, False, True])),
    (np.array([True, False, True, False]), None, 1),
    np.array(2),
    np.array([[0, 1], [2, 3]]),
    (np.array(1), slice(None), np.array([0, 1])),
]
BAD_KEYS: list[Any] = [
    4,
    -5,
    (0, 0, 0, 0),
    (0, 3),
    [4],
    ([0, 1], [0, 1, 2]),
    np.array([True, False]),
    (slice(None), np.array([True, False])),
    1.5,
    slice(None, None, -1),
    slice(None, None, 0),
]


def key_in(key: Any, lib: Any) -> Any:
    """The key with its arrays as tensors of the library."""
    if isinstance(key, tuple):
        return tuple(key_in(part, lib) for part in key)
    return lib.from_numpy(key.copy()) if isinstance(key, np.ndarray) else key


def values() -> np.ndarray:
    return np.arange(60, dtype=np.float64).reshape(SHAPE)


def both() -> tuple[Any, Any]:
    return dlf.from_numpy(values()), torch.from_numpy(values())


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_read(key: Any) -> None:
    ours, theirs = both()
    assert_same(ours[key_in(key, dlf)], theirs[key_in(key, torch)])


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_gradient_of_read(key: Any) -> None:
    assert_same_gradients(lambda lib, x: x[key_in(key, lib)], [values()])


@pytest.mark.parametrize("source", [*NUMBERS, "0-d", "same", "broadcast"])
@pytest.mark.parametrize("key", KEYS, ids=str)
def test_assign(key: Any, source: str) -> None:
    ours, theirs = both()
    shape = tuple(theirs[key_in(key, torch)].shape)
    if source == "same" and key is REPEATED:
        shape = (1, *shape[1:])
    same = np.arange(100.0, 100 + np.prod(shape)).reshape(shape)
    arrays = {"0-d": np.array(-3.5), "same": same, "broadcast": -np.ones((1, *shape))}
    for t, lib in ((ours, dlf), (theirs, torch)):
        value = lib.from_numpy(arrays[source].copy()) if source in arrays else NUMBERS[source]
        t[key_in(key, lib)] = value
    assert_same(ours, theirs)


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_gradient_of_assign(key: Any) -> None:
    if key is REPEATED:
        pytest.skip("where an index comes twice, PyTorch gives both writes a gradient")

    def assign(lib: Any, x: Any, v: Any) -> Any:
        out = x * 2
        out[key_in(key, lib)] = v
        return out * out

    shape = tuple(both()[1][key_in(key, torch)].shape)
    assert_same_gradients(assign, [values() / 10, np.full(shape, 0.5)])


@pytest.mark.parametrize("key", BAD_KEYS, ids=str)
def test_refused(key: Any) -> None:
    ours, theirs = both()
    for write in (False, True):

        def use(t: Any, lib: Any, write: bool = write) -> Any:
            k = key_in(key, lib)
            return t.__setitem__(k, 1.0) if write else t[k]

        expected = outcome(lambda use=use: use(theirs, torch))
        assert isinstance(expected, Exception)
        assert_same_error(outcome(lambda use=use: use(ours, dlf)), expected)


def test_refuses_a_value_that_does_not_fit() -> None:
    ours, theirs = both()
    for t, lib in ((theirs, torch), (ours, dlf)):
        for key in (slice(0, 2), [0, 1], ([0, 1], [0, 1])):
            with pytest.raises(RuntimeError):
                t[key] = lib.ones(7, 7)


def test_reading_basic_keys_aliases_and_others_copy() -> None:
    for t in both():
        t[1:3][0] = -1.0
        assert t[1].sum() == -15
        t[[0, 2]][0] = -2.0
        assert t[0, 0, 0] == 0


def test_assignment_casts() -> None:
    for name in ("int64", "bool", "float32"):
        ours, theirs = (
            t.to(getattr(lib, name)) for t, lib in zip(both(), (dlf, torch), strict=True)
        )
        ours[0] = dlf.tensor(2.75)
        theirs[0] = torch.tensor(2.75)
        ours[1, 1:] = dlf.full((2, 5), 3)
        theirs[1, 1:] = torch.full((2, 5), 3)
        assert_same(ours, theirs)


def test_augmented_assignment() -> None:
    for key in (0, slice(1, 3), [0, 2], (..., 1), ([0, 1], [1, 2])):
        ours, theirs = both()
        ours[key] += 10
        theirs[key] += 10
        ours[key] *= dlf.tensor(2.0)
        theirs[key] *= torch.tensor(2.0)
        assert_same(ours, theirs)


def test_iteration_and_membership() -> None:
    ours, theirs = both()
    assert_same(list(ours), list(theirs))
    assert (5.0 in ours) is (5.0 in theirs) is True
    assert (99.0 in ours) is False
    first, *rest = ours
    assert tuple(first.shape) == (3, 5)
    assert len(rest) == 3


def part(size: int, advanced: bool) -> st.SearchStrategy[Any]:
    at = st.integers(-size, size - 1)
    end = st.none() | st.integers(-size - 2, size + 2)
    plain = at | st.builds(slice, end, end, st.none() | st.integers(1, 3)) | st.none()
    if not advanced:
        return plain
    masks = st.lists(st.booleans(), min_size=size, max_size=size).map(np.array)
    return plain | st.lists(at, min_size=2, max_size=2) | at.map(np.array) | masks


@st.composite
def keys(draw: st.DrawFn) -> Any:
    """A tuple of parts, up to one a dimension; masks count so that each selects anything at all."""
    advanced = draw(st.booleans())
    key: list[Any] = []
    sizes = list(SHAPE[: draw(st.integers(0, 3))])
    while sizes:
        chosen = draw(part(sizes[0], advanced))
        key.append(chosen)
        if chosen is not None:
            sizes.pop(0)
    if len(key) < 3 and draw(st.booleans()):
        key.append(...)
    return tuple(key)


@given(keys())
def test_any_key(key: Any) -> None:
    ours, theirs = both()
    expected = outcome(lambda: theirs[key_in(key, torch)])
    if isinstance(expected, Exception):
        assert_same_error(outcome(lambda: ours[key_in(key, dlf)]), expected)
        return
    assert_same(ours[key_in(key, dlf)], expected)
    ours[key_in(key, dlf)] = -1.0
    theirs[key_in(key, torch)] = -1.0
    assert_same(ours, theirs)
