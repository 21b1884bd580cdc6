"""Philox over NumPy, which the `sim` device draws with and the CUDA sources are compared to."""

from __future__ import annotations

import numpy as np
import pytest

from dlf import dtypes
from dlf_sim import random
from dlf_sim.philox import long_words, philox, words

# From the authors' Random123, file kat_vectors: counter, key, result.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000",
     "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
     "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
     "d16cfe09 94fdcceb 5001e420 24126ea1"),
]  # fmt: skip


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_the_authors_numbers(counter: str, key: str, result: str) -> None:
    given = np.array([[int(w, 16) for w in counter.split()]], np.uint64)
    k0, k1 = (int(w, 16) for w in key.split())
    assert [f"{w:08x}" for w in philox(given, (k0, k1))[0]] == result.split()


def test_the_stream_is_one() -> None:
    """Places that lie side by side give what one that reaches over both gives, end to end."""
    whole = words(70_000, 9, 2**64 - 10_000)
    parts = [words(40_000, 9, 2**64 - 10_000), words(30_000, 9, 0)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    assert whole.max() < 2**32
    assert words(0, 1, 2).shape == (0,) and words(3, 1, 2).tolist() == words(8, 1, 2)[:3].tolist()


def test_long_words_have_two_lanes() -> None:
    long = long_words(101, 5, 7)
    np.testing.assert_array_equal(long >> np.uint64(32), words(101, 5, 7))
    np.testing.assert_array_equal(long & np.uint64(2**32 - 1), words(101, 5, 7, lane=1))


@pytest.mark.parametrize(("low", "high"), [(0, 7), (-3, 2**40 + 1), (-(2**63), 2**63), (5, 6)])
def test_integers_are_the_formula(low: int, high: int) -> None:
    have = random.integers(500, low, high, dtypes.int64, 3, 4)
    wanted = [low + (int(w) * (high - low) >> 64) for w in long_words(500, 3, 4)]
    assert have.tolist() == wanted
