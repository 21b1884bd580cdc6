"""Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
2011) over NumPy, and the stream of numbers that is made of it.

The key is the seed, its low word first. Numbers are taken in row-major order, four to a counter:
the counter's first two words are ``offset + number // 4``, low word first, its third is the lane,
its fourth 0; ``number % 4`` says which of the four results is the number's. Numbers of 64 bits have
lane 0 for their high word and lane 1 for their low one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["long_words", "philox", "words"]

Words = np.ndarray[Any, np.dtype[np.uint64]]

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
# So many counters fit a core's cache with all that is computed of them.
_BLOCK = 1 << 13


def philox(counter: Words, key: tuple[int, int]) -> Words:
    """The four results for each counter: ``(n, 4)`` 32-bit words to ``(n, 4)``."""
    c = [counter[:, i].astype(np.uint64) for i in range(4)]
    k0, k1 = key
    for _ in range(10):
        first, second = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        high0, low0 = first >> _HALF, first & _LOW
        high1, low1 = second >> _HALF, second & _LOW
        c = [high1 ^ c[1] ^ np.uint64(k0), low1, high0 ^ c[3] ^ np.uint64(k1), low0]
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return np.stack(c, 1)


def words(count: int, seed: int, offset: int, lane: int = 0) -> Words:
    """`count` words of 32 bits of the stream `seed` from the place `offset` on."""
    seed %= 2**64
    key = seed % 2**32, seed >> 32
    out = np.empty((-(-count // 4), 4), np.uint64)
    for start in range(0, len(out), _BLOCK):
        part = out[start : start + _BLOCK]
        first = np.uint64((offset + start) % 2**64)
        with np.errstate(over="ignore"):  # The counter wraps around.
            groups = first + np.arange(len(part), dtype=np.uint64)
        counter = np.zeros((len(part), 4), np.uint64)
        counter[:, 0], counter[:, 1], counter[:, 2] = groups & _LOW, groups >> _HALF, lane
        part[...] = philox(counter, key)
    return out.reshape(-1)[:count]


def long_words(count: int, seed: int, offset: int) -> Words:
    """`count` words of 64 bits of the stream `seed` from the place `offset` on."""
    made: Words = words(count, seed, offset) << _HALF
    made |= words(count, seed, offset, 1)
    return made
