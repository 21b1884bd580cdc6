"""All faults, table by table."""

from __future__ import annotations

from functools import cache

from .fault import Fault

__all__ = ["planted"]


@cache
def planted() -> tuple[Fault, ...]:
    """Every fault, in an order that never changes; ValueError for two of one name."""
    from . import (
        binary,
        choice,
        contract,
        data,
        fused,
        lookup,
        losses,
        movement,
        random,
        reduction,
        scan,
        services,
        steps,
        system,
        transfer,
        unary,
        window,
    )

    tables = (
        transfer,
        data,
        movement,
        lookup,
        unary,
        binary,
        choice,
        reduction,
        scan,
        contract,
        fused,
        losses,
        window,
        steps,
        system,
        services,
        random,
    )
    faults = tuple(fault for table in tables for fault in table.FAULTS)
    names = [fault.name for fault in faults]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"two faults have the name {min(twice)!r}")
    return faults
