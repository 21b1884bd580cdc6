"""What the user asks of the arithmetic of every device: the same bits each time, float32's digits.

Backends read these settings; a device that has one way only goes on with it.
"""

from __future__ import annotations

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_float32_matmul_precision",
    "set_float32_matmul_precision",
    "use_deterministic_algorithms",
]

_PRECISIONS = ("highest", "high", "medium")


class _Settings:
    deterministic = False
    matmul_precision = "highest"


_settings = _Settings()


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for the same bits from the same inputs, where a device would else add up in any order.

    `warn_only` is accepted for PyTorch's sake: no op of dlf has only a non-deterministic way, so
    nothing is refused. TypeError for a `mode` that is no bool.
    """
    if not isinstance(mode, bool):
        raise TypeError(f"use_deterministic_algorithms: mode must be a bool, got {mode!r}")
    _settings.deterministic = mode


def are_deterministic_algorithms_enabled() -> bool:
    """Whether `use_deterministic_algorithms` is on. Default: False."""
    return _settings.deterministic


def set_float32_matmul_precision(precision: str) -> None:
    """How precisely float32 matrices are multiplied on devices that have faster, shorter formats.

    ``"highest"`` is float32; ``"high"`` allows the 10 mantissa bits of TF32, or three bfloat16
    products; ``"medium"`` allows bfloat16. Default: ``"highest"``. RuntimeError for another name.
    """
    if precision not in _PRECISIONS:
        raise RuntimeError(
            f"set_float32_matmul_precision({precision!r}): expected one of {', '.join(_PRECISIONS)}"
        )
    _settings.matmul_precision = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` last set."""
    return _settings.matmul_precision
