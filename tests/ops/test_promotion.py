"""The dtype of a binary op's result, over all pairs of dtypes and the three classes of operands."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

import dlf
from tests.support.oracle import DTYPES, assert_same_outcome, pair

OPS = """
add sub mul div floor_divide remainder pow maximum minimum eq lt bitwise_and bitwise_xor atan2
logical_or fmod
""".split()
NUMBERS: tuple[Any, ...] = (True, 2, 2.0, 2j)


# PyTorch has no kernels for these of bools; dlf computes them.
NOT_FOR_BOOLS = ("pow", "remainder", "floor_divide", "fmod", "pow_")
NO_NUMBERS = ("maximum", "minimum", "atan2", "logical_or")
REAL = [name for name in DTYPES if "complex" not in name]


def assert_agree(note: str, call: Any, *pairs: Any) -> None:
    try:
        assert_same_outcome(call, *pairs)
    except Exception as error:
        error.add_note(note)
        raise


@pytest.mark.parametrize("left", DTYPES)
@pytest.mark.parametrize("op", OPS)
def test_tensors(op: str, left: str) -> None:
    for right, (m, n) in itertools.product(DTYPES, [(1, 1), (0, 1), (1, 0), (0, 0)]):
        if left == right == "bool" and op in NOT_FOR_BOOLS:
            continue
        a, b = pair(np.full((1,) * m, 3.0), left), pair(np.full((1,) * n, 2.0), right)
        # dlf has no complex type of halves.
        if torch.result_type(a[1], b[1]) is not torch.complex32:
            assert_agree(
                f"{left} {m}-d, {right} {n}-d", lambda lib, *ab: getattr(lib, op)(*ab), a, b
            )


@pytest.mark.parametrize("left", DTYPES)
@pytest.mark.parametrize("op", [op for op in OPS if op not in NO_NUMBERS])
def test_numbers(op: str, left: str) -> None:
    def operation(number: Any) -> Any:
        return lambda lib, a: getattr(lib, op)(a, number)

    for number, n in itertools.product(NUMBERS, (0, 1)):
        if left == "bool" and number is True and op in NOT_FOR_BOOLS:
            continue
        a = pair(np.full((1,) * n, 3.0), left)
        if torch.result_type(a[1], number) is not torch.complex32:
            assert_agree(f"{left} {n}-d, {number}", operation(number), a)


@pytest.mark.parametrize("left", REAL)
def test_where_and_cat(left: str) -> None:
    m, a = pair(np.array([True, False])), pair(np.ones(2), left)
    for right in REAL:
        b = pair(np.zeros(2), right)
        assert_agree(right, lambda lib, *args: lib.where(*args), m, a, b)
        assert_agree(right, lambda lib, *args: lib.cat(args), a, b)


@pytest.mark.parametrize("target", REAL)
@pytest.mark.parametrize("op", ["add_", "mul_", "div_", "sub_", "pow_"])
def test_in_place_keeps_the_dtype(op: str, target: str) -> None:
    for source in REAL:
        if target == source == "bool" and op in NOT_FOR_BOOLS:
            continue
        a, b = pair(np.full(2, 3.0), target), pair(np.full(2, 2.0), source)
        assert_agree(source, lambda lib, a, b: getattr(a, op)(b), a, b)


@pytest.mark.parametrize("default", ["float64", "bfloat16"])
def test_default_dtype_decides_for_integers(default: str) -> None:
    libraries: tuple[Any, Any] = (dlf, torch)
    for lib in libraries:
        lib.set_default_dtype(getattr(lib, default))
    try:
        a = pair(np.array([1, 2]))
        assert_same_outcome(lambda lib, a: [a / 2, a + 1.5, a.exp(), lib.tensor([1.0])], a)
    finally:
        for lib in libraries:
            lib.set_default_dtype(lib.float32)
