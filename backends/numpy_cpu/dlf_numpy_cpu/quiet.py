"""Floating-point warnings switched off around kernels, and only there.

Overflow and 0 / 0 are ordinary results in PyTorch, so no kernel may warn. `with np.errstate(...)`
costs some 800 ns a call. NumPy keeps this state in a context variable, so a `Context` in which it
was set once does the same for some 40 ns, and the caller's own settings stay as they are.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from contextvars import Context
from typing import Any

import numpy as np

__all__ = ["SILENCE", "quiet"]


class Silence(threading.local):
    """`run(function, *args)` calls with warnings off; a Context serves one thread at a time."""

    def __init__(self) -> None:
        context = Context()
        context.run(np.errstate(all="ignore").__enter__)
        self.run = context.run


SILENCE = Silence()


def quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` without floating-point warnings."""
    silence = SILENCE

    @functools.wraps(function)
    def kernel(*args: Any) -> Any:
        try:
            return silence.run(function, *args)
        except RuntimeError as error:
            if "cannot enter context" not in str(error):
                raise
        # Entered already: a finalizer or a signal handler computes in the middle of a kernel.
        with np.errstate(all="ignore"):
            return function(*args)

    return kernel
