"""Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, 2011) over NumPy: what the kernels must draw."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["philox", "words"]

Words = np.ndarray[Any, np.dtype[np.uint64]]

_LOW = np.uint64(0xFFFFFFFF)


def philox(counter: Words, key: tuple[int, int]) -> Words:
    """The four results for each counter: ``(n, 4)`` 32-bit words to ``(n, 4)``."""
    c = [counter[:, i].astype(np.uint64) for i in range(4)]
    k0, k1 = key
    for _ in range(10):
        first, second = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        high0, low0 = first >> np.uint64(32), first & _LOW
        high1, low1 = second >> np.uint64(32), second & _LOW
        c = [high1 ^ c[1] ^ np.uint64(k0), low1, high0 ^ c[3] ^ np.uint64(k1), low0]
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return np.stack(c, 1)


def words(count: int, seed: int, offset: int) -> Words:
    """The first `count` words of the stream that ``sources/dropout.cu`` describes."""
    groups = np.array([(offset + i) % 2**64 for i in range(-(-count // 4))], np.uint64)
    zero = np.zeros_like(groups)
    counter = np.stack([groups & _LOW, groups >> np.uint64(32), zero, zero], 1)
    seed %= 2**64
    return philox(counter, (seed % 2**32, seed >> 32)).reshape(-1)[:count]
