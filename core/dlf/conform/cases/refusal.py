"""What a backend must claim; and that what it does not claim is refused, saying what and where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import dlf

from ... import fallback
from ...dtypes import dtype_named
from ...errors import MissingKernelError
from ...registry import registry
from ..case import Case
from ..levels import NEEDED
from ..subject import Subject
from .arguments import arguments
from .samples import ALL

__all__ = ["cases"]


def cases(subject: Subject) -> Iterator[Case]:
    """One of the needed dtypes, one for each that is not claimed, and for each of an op's."""
    caps = subject.backend.caps
    yield Case("L0/caps", _needed, "L0")
    for dtype in ALL:
        if dtype not in caps.dtypes and dtype not in NEEDED:
            yield Case(f"refusal/{dtype}", partial(_stored, dtype=dtype), "L0")
    for op, allowed in caps.op_dtypes.items():
        if op not in registry or registry[op].kind != "primitive" or not registry[op].inputs:
            continue
        for dtype in ALL:
            if dtype in caps.dtypes and dtype not in allowed and subject.native(op):
                run = partial(_computed, op=op, dtype=dtype)
                yield Case(f"refusal/{op}/{dtype}", run, "L1", op)


def _needed(subject: Subject) -> None:
    """Without these no op that takes or gives indices or comparisons can be right."""
    claimed = subject.backend.caps.dtypes
    missing = [name for name in NEEDED if name not in claimed]
    assert not missing, (
        f"Caps(dtypes=...) lacks {' and '.join(missing)}: the kernel contract needs int64 for "
        f"indices and bool for comparisons; it has {', '.join(sorted(claimed)) or 'none'}"
    )


def _stored(subject: Subject, dtype: str) -> None:
    """Nothing makes a tensor of a dtype that the device does not store."""
    kind, device = dtype_named(dtype), subject.device
    ways: dict[str, Callable[[], Any]] = {
        "dlf.zeros": lambda: dlf.zeros(2, dtype=kind, device=device),
        "dlf.full": lambda: dlf.full((2,), 1, dtype=kind, device=device),
        "dlf.tensor": lambda: dlf.tensor([1, 0], dtype=kind, device=device),
        "Tensor.to(device)": lambda: dlf.zeros(2, dtype=kind).to(device),
    }
    if dtype not in ("bool", "complex64", "complex128"):
        ways["dlf.arange"] = lambda: dlf.arange(3, dtype=kind, device=device)
    for stored in ("float32", "int64", "bool"):
        if stored in subject.backend.caps.dtypes:
            there = subject.tensor(np.zeros(2, stored))
            ways["Tensor.to(dtype)"] = partial(there.to, kind)
            break
    for name, way in ways.items():
        _refused(f"{name} of {dtype} on {device}", way, dtype, str(device))


def _refused(what: str, way: Callable[[], Any], *named: str) -> None:
    try:
        made = way()
    except (TypeError, RuntimeError) as error:
        text = str(error)
        for name in named:
            assert name in text, f"{what}: the refusal does not name {name}: {text}"
        return
    raise AssertionError(f"{what}: gave {type(made).__name__} of {made.dtype}, expected a refusal")


def _computed(subject: Subject, op: str, dtype: str) -> None:
    """The kernel does not run in a dtype that is left out for its op: without the host, nothing."""
    args = arguments(subject, registry[op], dtype)
    assert args is not None, f"no arguments known for {op}"
    placed = [_placed(subject, x) for x in args]
    with fallback.fallback_policy("error"):
        try:
            subject.kernel(op)(*placed)
        except MissingKernelError as error:
            for name in (op, dtype, str(subject.device)):
                assert name in str(error), (
                    f"{op} of {dtype}: the refusal does not name {name}: {error}"
                )
            return
    raise AssertionError(f"{op} of {dtype} ran, though the backend does not claim that")


def _placed(subject: Subject, x: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(_placed(subject, one) for one in x)
    return subject.put(x) if isinstance(x, np.ndarray) else x
