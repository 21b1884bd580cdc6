"""Faults of the services: pinned memory and copies between devices (`pinned`), mixed precision, and
recorded steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import pinned
from .fault import Fault, Hands, Kernel, Plant

__all__ = ["FAULTS"]


# ------------------------------------------------------------------ mixed precision
def _without(*names: str) -> Plant:
    return lambda kernel, hands: kernel - frozenset(names)  # type: ignore[operator]  # it is a set of names


def _with(*names: str) -> Plant:
    return lambda kernel, hands: kernel | frozenset(names)  # type: ignore[operator]  # it is a set of names


# ------------------------------------------------------------------ recorded steps
def _wrapped(change: Callable[..., Any]) -> Plant:
    """`graph` whose calls go through ``change(captured, calls, args, kwargs)``."""

    def plant(kernel: Kernel, hands: Hands) -> Kernel:
        def graph(*args: Any, **kwargs: Any) -> Any:
            return _Changed(kernel(*args, **kwargs), change)

        return graph

    return plant


class _Changed:
    def __init__(self, captured: Any, change: Callable[..., Any]) -> None:
        self._captured, self._change, self._last = captured, change, None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._change(self, self._captured, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._captured, name)


def _first_inputs(changed: Any, captured: Any, args: Any, kwargs: Any) -> Any:
    """Every call has the inputs of the first."""
    if changed._last is None:
        changed._last = args, kwargs
    first, named = changed._last
    same = [getattr(a, "shape", a) for a in first] == [getattr(a, "shape", a) for a in args]
    return captured(*first, **named) if same else captured(*args, **kwargs)


def _twice(changed: Any, captured: Any, args: Any, kwargs: Any) -> Any:
    """The call that records does its work at the recording, and again at the first replay."""
    recorded = captured.replays
    out = captured(*args, **kwargs)
    return captured(*args, **kwargs) if recorded == 0 and captured.replays == 0 else out


def _keeps(changed: Any, captured: Any, args: Any, kwargs: Any) -> Any:
    """`reset` does nothing."""
    changed.reset = lambda: None
    return captured(*args, **kwargs)


def _constants(kernel: Kernel, hands: Hands) -> Kernel:
    """Data from the host are taken as constants unasked."""

    def graph(*args: Any, **kwargs: Any) -> Any:
        return kernel(*args, **{**kwargs, "constants": True})

    return graph


def _late_recording(kernel: Kernel, hands: Hands) -> Kernel:
    """Warmed up once more than was asked for."""

    def graph(*args: Any, **kwargs: Any) -> Any:
        return kernel(*args, **{**kwargs, "warmup": kwargs.get("warmup", 3) + 1})

    return graph


def _fault(name: str, op: str, plant: Plant, why: str, needs: str = "") -> Fault:
    return Fault(name, op, plant, why, groups=("service",), needs=needs)


FAULTS = (
    *pinned.FAULTS,
    _fault(
        "amp/no-matmul",
        "amp.lower_precision",
        _without("matmul"),
        "matmul is cast to nothing: a region brings nothing",
    ),
    _fault(
        "amp/twice",
        "amp.float32",
        _with("matmul"),
        "a name stands in two lists",
    ),
    _fault(
        "amp/misspelt",
        "amp.float32",
        _with("log_soft_max"),
        "a name that is no op's, so that the op is not cast",
    ),
    _fault(
        "amp/default",
        "amp.default_dtype",
        lambda kernel, hands: "float64",  # type: ignore[arg-type, return-value]  # it is a name
        "the default is none of the dtypes",
    ),
    _fault(
        "amp/wide",
        "amp.dtypes",
        _with("float32"),
        "a region in float32, which is no lower precision",
    ),
    _fault(
        "graphs/first-inputs",
        "graphs.graph",
        _wrapped(_first_inputs),
        "replays read the inputs of the recording",
    ),
    _fault(
        "graphs/twice",
        "graphs.graph",
        _wrapped(_twice),
        "the call that records is played twice",
    ),
    _fault("graphs/keeps", "graphs.graph", _wrapped(_keeps), "reset forgets nothing"),
    _fault(
        "graphs/constants",
        "graphs.graph",
        _constants,
        "data from the host are taken as they were at the recording, without a word",
    ),
    _fault("graphs/warm-up", "graphs.graph", _late_recording, "a call more is warmed up"),
)
