"""All cases of the conformance kit."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from ..case import Case
from ..subject import Subject

__all__ = ["MODULES", "all_cases"]

MODULES = (
    "bringup",
    "data",
    "movement",
    "aliasing",
    "lookup",
    "unary",
    "binary",
    "where",
    "reduce",
    "scan",
    "contract",
    "refusal",
    "fused",
    "gradient",
    "writing",
    "training",
    "steps",
    "copies",
    "indexing",
    "printing",
    "randomness",
    "saving",
    "loading",
    "threads",
    "services",
    "optional",
)
"""The modules of this package that have cases, in the order in which these run."""


def all_cases(subject: Subject) -> Iterator[Case]:
    """The cases for `subject`, module by module."""
    # The ops of layers and optimizers are registered when these are imported.
    for library in ("dlf.nn.functional", "dlf.optim"):
        importlib.import_module(library)
    for name in MODULES:
        yield from importlib.import_module(f"{__name__}.{name}").cases(subject)
