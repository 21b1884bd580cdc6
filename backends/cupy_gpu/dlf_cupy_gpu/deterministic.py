"""What the user has asked of the arithmetic: the same bits every time, and float32's digits."""

from __future__ import annotations

import dlf

__all__ = ["is_deterministic", "matmul_precision"]


def is_deterministic() -> bool:
    """Whether sums must come in one order: ``dlf.use_deterministic_algorithms``."""
    return dlf.are_deterministic_algorithms_enabled()


def matmul_precision() -> str:
    """How float32 matrices are multiplied, by ``dlf.set_float32_matmul_precision``.

    ``"highest"`` is float32, ``"high"`` TF32, and ``"medium"`` bfloat16 where that is faster.
    """
    return dlf.get_float32_matmul_precision()
