"""How tensors print: PyTorch's format, and the options that govern it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf, isfinite
from typing import Any

import numpy as np

from . import dtypes

__all__ = ["get_printoptions", "printoptions", "set_printoptions", "tensor_repr"]


class _Options:
    __slots__ = ("edgeitems", "linewidth", "precision", "sci_mode", "threshold")

    def __init__(self) -> None:
        self.precision: int = 4
        self.threshold: float = 1000
        self.edgeitems: int = 3
        self.linewidth: int = 80
        self.sci_mode: bool | None = None


_options = _Options()

_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print; what is None keeps its value, `sci_mode` aside.

    Args:
        precision: digits after the point. Default: 4.
        threshold: number of elements above which a tensor is summarised. Default: 1000.
        edgeitems: elements shown at each end of a summarised dimension. Default: 3.
        linewidth: characters after which a line breaks. Default: 80.
        profile: ``"default"``, ``"short"`` or ``"full"``; the other arguments then override it.
        sci_mode: True or False forces or forbids scientific notation; None (also where it is not
            given) chooses by the values.
    """
    chosen = dict(_PROFILES.get(profile, {})) if profile is not None else {}
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    chosen.update((name, value) for name, value in given.items() if value is not None)
    for name, value in chosen.items():
        setattr(_options, name, value)
    _options.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The current options, as keyword arguments of `set_printoptions`."""
    names = ("precision", "threshold", "edgeitems", "linewidth", "sci_mode")
    return {name: getattr(_options, name) for name in names}


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Set options, as `set_printoptions` does, for the duration of a ``with`` block."""
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


class _Column:
    """Formats numbers to one width, found from all the numbers that will be shown."""

    def __init__(self, shown: np.ndarray[Any, Any], floating: bool) -> None:
        self.floating = floating
        self.sci = False
        self.integral = True
        self.width = 1
        values = shown.ravel()
        if floating:
            wide = values.astype(np.float64)
            self._fit(wide[np.isfinite(wide) & (wide != 0)])
        elif values.size:
            self.width = max(len(str(value)) for value in values.tolist())

    def _fit(self, values: np.ndarray[Any, Any]) -> None:
        # Zeros, infinities and NaNs have no say in the notation or the width: PyTorch's rule.
        if not values.size:
            return
        magnitudes = np.abs(values)
        low, high = float(magnitudes.min()), float(magnitudes.max())
        self.integral = bool((values == np.ceil(values)).all())
        if _options.sci_mode is None:
            with np.errstate(over="ignore"):
                spread = np.float64(high) / np.float64(low)
            self.sci = bool(spread > 1000.0 or high > 1.0e8 or low < 1.0e-4)
        else:
            self.sci = _options.sci_mode
        self.width = max(len(self._number(value)) for value in values.tolist())

    def _number(self, value: float) -> str:
        if self.sci:
            return f"{value:.{_options.precision}e}"
        if self.integral:
            return f"{value:.0f}." if isfinite(value) else f"{value:.0f}"
        return f"{value:.{_options.precision}f}"

    def text(self, value: Any) -> str:
        return (self._number(value) if self.floating else str(value)).rjust(self.width)


class _Cells:
    """Formats a tensor's elements: one column, or two for complex numbers."""

    def __init__(self, shown: np.ndarray[Any, Any], kind: str) -> None:
        self.real = _Column(shown.real if kind == "c" else shown, kind in "fc")
        self.imaginary = _Column(shown.imag, True) if kind == "c" else None
        self.width = self.real.width
        if self.imaginary is not None:
            self.width += self.imaginary.width + 1

    def text(self, value: Any) -> str:
        if self.imaginary is None:
            return self.real.text(value)
        imaginary = (self.imaginary.text(value.imag) + "j").lstrip()
        sign = "" if imaginary[0] in "+-" else "+"
        return self.real.text(value.real) + sign + imaginary


def _edges(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The elements that a summary shows."""
    edge = _options.edgeitems
    for dim, size in enumerate(a.shape):
        if size > 2 * edge:
            a = np.take(a, [*range(edge), *range(size - edge, size)], dim)
    return a


def _lines(a: np.ndarray[Any, Any], indent: int, summarize: bool, cells: _Cells) -> str:
    if a.ndim == 0:
        return cells.text(a.item())
    edge = _options.edgeitems
    cut = summarize and a.shape[0] > 2 * edge
    ends = (a[:edge], a[a.shape[0] - edge :]) if cut else (a,)
    if a.ndim == 1:
        parts = [[cells.text(value) for value in end.tolist()] for end in ends]
        dots = " ..." if edge else "..."
    else:
        parts = [[_lines(row, indent + 1, summarize, cells) for row in end] for end in ends]
        dots = "..."
    entries = [*parts[0], dots, *parts[1]] if cut else parts[0]
    margin = " " * (indent + 1)
    if a.ndim > 1:
        return "[" + ("," + "\n" * (a.ndim - 1) + margin).join(entries) + "]"
    per_line = max(1, (_options.linewidth - indent) // (cells.width + 2))
    rows = [", ".join(entries[i : i + per_line]) for i in range(0, len(entries), per_line)]
    return "[" + (",\n" + margin).join(rows) + "]"


def _body(a: np.ndarray[Any, Any], kind: str, indent: int) -> str:
    if a.size == 0:
        return "[]"
    summarize = a.size > _options.threshold
    return _lines(a, indent, summarize, _Cells(_edges(a) if summarize else a, kind))


def _suffixes(t: Any, shape: tuple[int, ...]) -> Iterator[str]:
    if t.device.type != "cpu":
        yield f"device='{t.device}'"
    default = dtypes.get_default_dtype()
    if 0 in shape:
        if len(shape) != 1:
            yield f"size={shape}"
        told = t.dtype is default
    else:
        if not _options.edgeitems:
            yield f"size={shape}"
        obvious = (default, default.to_complex(), dtypes.int64, dtypes.bool)
        told = t.dtype in obvious
    if not told:
        yield f"dtype={t.dtype}"
    if t.grad_fn is not None:
        yield f"grad_fn=<{t.grad_fn.name()}>"
    elif t.requires_grad:
        yield "requires_grad=True"


def _with_suffixes(text: str, suffixes: Iterator[str], indent: int) -> str:
    last_line = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        # PyTorch's own prefix is two characters longer; its lines break where these do.
        length = len(suffix) + 2 * suffix.startswith("dtype=dlf.")
        if last_line + length + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            last_line = indent + length
        else:
            text += ", " + suffix
            last_line += length + 2
    return text + ")"


def tensor_repr(t: Any) -> str:
    """The text that PyTorch prints for a tensor of these values.

    The values are followed by what they do not tell themselves: the device if it is not the CPU,
    the size if there are no elements, the dtype if it is not one that such values get by default,
    and the gradient's node or ``requires_grad``.
    """
    kind = type(t).__name__
    prefix = "tensor(" if kind in ("Tensor", "Parameter") else f"{kind}("
    host = t.detach().cpu().numpy()
    text = prefix + _body(host, t.dtype.kind, len(prefix))
    text = _with_suffixes(text, _suffixes(t, tuple(host.shape)), len(prefix))
    return "Parameter containing:\n" + text if kind == "Parameter" else text
