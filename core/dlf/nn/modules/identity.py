"""Identity."""

from __future__ import annotations

from typing import Any

from dlf.nn.module import Module
from dlf.tensor import Tensor

__all__ = ["Identity"]


class Identity(Module):
    """Gives its input back. Takes, and does not look at, any arguments."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """Return `input`."""
        return input
