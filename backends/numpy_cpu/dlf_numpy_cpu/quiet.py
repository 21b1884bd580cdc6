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

__all__ = ["SILENCE", "quiet", "silent"]


def silent() -> Callable[..., Any]:
    """`run(function, *args)` of a new Context: it calls with warnings off.

    A Context serves one call at a time. While a thread is inside, another's `run` raises a
    RuntimeError, "cannot enter context", and so does one from within the call.
    """
    context = Context()
    context.run(np.errstate(all="ignore").__enter__)
    return context.run


class Silence(threading.local):
    """A `run` of its own for every thread."""

    def __init__(self) -> None:
        self.run = silent()


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
