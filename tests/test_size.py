from __future__ import annotations

import pickle

import pytest

from dlf.size import Size


def test_is_a_tuple_with_numel() -> None:
    size = Size([2, 3])
    assert size == (2, 3)
    assert size.numel() == 6
    assert Size().numel() == 1
    assert hash(size) == hash((2, 3))
    assert repr(size) == str(size) == "dlf.Size([2, 3])"


def test_parts_and_sums_are_sizes() -> None:
    size, one = Size([2, 3]), (1,)
    for result in (size[:1], size + one, one + size, size * 2, 2 * size, size + size):
        assert type(result) is Size
    assert one + size == (1, 2, 3)
    assert size[-1] == 3
    assert type(size[-1]) is int


def test_pickles() -> None:
    again = pickle.loads(pickle.dumps(Size([4])))
    assert again == (4,)
    assert type(again) is Size


@pytest.mark.parametrize("entry", ["a", 1.0, None])
def test_refuses_what_is_no_integer(entry: object) -> None:
    with pytest.raises(TypeError, match=r"item 1 is"):
        Size([1, entry])  # type: ignore[list-item]  # what the test is about


def test_adds_only_tuples() -> None:
    with pytest.raises(TypeError):
        _ = Size([1]).__add__([2])  # type: ignore[arg-type]  # what the test is about
