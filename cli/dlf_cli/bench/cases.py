"""The things `dlf bench` can measure: what each does at a size, and how much work that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dlf

__all__ = ["Case", "Setup", "Work", "all_cases"]


@dataclass(frozen=True)
class Setup:
    """Where and in what a case runs."""

    device: dlf.device
    dtype: dlf.dtype


@dataclass(frozen=True)
class Work:
    """One call to time, and the work it does: operations, bytes that must move, samples."""

    run: Callable[[], Any]
    flops: float = 0.0
    bytes: float = 0.0
    samples: float = 0.0


@dataclass(frozen=True)
class Case:
    """A thing to measure.

    `rate` is the unit it is told in: ``GFLOP/s``, ``GB/s`` or ``samples/s``. `size` is the default
    size, `means` what a size counts.
    """

    name: str
    kind: str
    rate: str
    size: int
    means: str
    build: Callable[[Setup, int], Work]
    dtype: str = "float32"


def all_cases() -> dict[str, Case]:
    """Every case by name: ops, optimizers, loaders of datasets, training steps."""
    from dlf_cli.bench import ops, whole

    found: dict[str, Case] = {}
    for case in _in_order(ops.cases(), whole.optimizers(), whole.loaders(), whole.steps()):
        # An op named like a dataset keeps its name; the other is then told apart by its kind.
        found[case.name if case.name not in found else f"{case.kind}:{case.name}"] = case
    return found


def _in_order(*groups: Iterator[Case]) -> Iterator[Case]:
    for group in groups:
        yield from group
