"""Random numbers that the host draws are the same in every replay: a captured step draws none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..random import default_generator
from .state import CaptureError

__all__ = ["no_host_draws"]


@contextmanager
def no_host_draws() -> Iterator[None]:
    """CaptureError at the end of the block if the host's default generator went on in it."""
    before = default_generator._state()
    yield
    if default_generator._state() != before:
        raise CaptureError(
            "the step drew random numbers on the host, which every replay would see again; draw "
            "them outside and give them as an argument"
        )
