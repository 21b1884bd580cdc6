"""Expressions whose gradients are taken: by the primitive that stands in each, with its inputs.

The expressions are of tensors alone, so that they run on any device. Inputs are the descriptions of
`fused_inputs`; what is `Real` is differentiated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .fused_inputs import Mask, Sample, Values, Whole, real

__all__ = ["ROWS", "Row"]


@dataclass(frozen=True)
class Row:
    """An expression and its inputs.

    Attributes:
        op: the primitive at stake.
        call: gives a tensor, or a tuple of them, from tensors.
        inputs: descriptions of its arrays.
        label: tells rows of one op apart.
        check: whether finite differences are compared too.
        second: whether second derivatives are.
    """

    op: str
    call: Callable[..., Any]
    inputs: Sample
    label: str = ""
    check: bool = True
    second: bool = False

    @property
    def name(self) -> str:
        """The end of the case's name."""
        return f"{self.op}, {self.label}" if self.label else self.op


X, Y = real(3, 4), real(3, 4)
CUBE = real(2, 3, 4)
POSITIVE = real(3, 4, low=0.3, high=3.0)
UNIT = real(3, 4, low=-0.85, high=0.85)


def _method(name: str, *arguments: Any) -> Callable[..., Any]:
    return lambda x, *more: getattr(x, name)(*more, *arguments)


def _row(op: str, call: Callable[..., Any], *inputs: Any, **settings: Any) -> Row:
    return Row(op, call, inputs, **settings)


def _concat(a: Any, b: Any) -> Any:
    from ... import cat

    return cat((a, b, a), 1)


def _padded(x: Any) -> Any:
    from ...nn.functional import pad

    return pad(x, (1, 2, 0, 1)) * pad(x, (2, 1, 1, 0))


def _where(mask: Any, a: Any, b: Any) -> Any:
    from ... import where

    return where(mask, a, b)


def _atan2(a: Any, b: Any) -> Any:
    from ... import atan2

    return atan2(a, b)


ROWS = [
    *(_row(op, _method(op), X) for op in "neg abs sign floor round".split()),
    *(_row(op, _method(op), X, second=True) for op in "exp expm1 sin cos tanh erf".split()),
    *(_row(op, _method(op), POSITIVE, second=True) for op in "log log1p sqrt".split()),
    *(_row(op, _method(op), UNIT) for op in "asin acos atan erfinv".split()),
    _row("lgamma", _method("lgamma"), POSITIVE),
    *(_row(op, _method(op), X, Y) for op in "add sub maximum minimum".split()),
    _row("mul", _method("mul"), X, Y, second=True),
    _row("mul", lambda x: x * x * 3, X, label="itself"),
    _row("add", lambda x, y: x + y * 2.5 - 1, CUBE, real(3, 1), label="broadcast"),
    _row("div", _method("div"), X, POSITIVE, second=True),
    _row("div", lambda x: 2 / x, POSITIVE, label="number"),
    _row("mul", lambda x, y: x * y, X, real(), label="0-d"),
    _row("pow", _method("pow"), POSITIVE, Y),
    _row("pow", lambda x: x**3, X, label="number", second=True),
    _row("mod", lambda x, y: x % y, real(3, 4, low=2.1, high=2.9), real(3, 4, low=0.95, high=1.0)),
    _row("atan2", _atan2, X, POSITIVE),
    _row("where", _where, Mask((3, 4)), X, Y),
    _row("where", _where, Mask((3, 1)), CUBE, real(4), label="broadcast"),
    _row("copy", lambda x: x.clone() * x, X),
    _row("reshape", lambda x: x.reshape(6, 4) * x.reshape(24)[:4], CUBE),
    _row("permute", lambda x: x.permute(2, 0, 1) * x[0, 0, 0], CUBE),
    _row("broadcast_to", lambda x: x.expand(5, 3, 4) * x, X),
    _row("slice", lambda x: x[:, 1:, ::2] * x[0, 0, 1], CUBE),
    _row("slice", lambda x: x.flip((0, 2)) * x, CUBE, label="negative step"),
    _row("pad", _padded, X),
    _row("concat", _concat, X, Y),
    _row("take", lambda x, i: x.index_select(1, i), CUBE, Whole((5,), 3)),
    _row("take", lambda x, i: x[i] * x[0], CUBE, Whole((2, 2), 2), label="two dimensions"),
    _row("index_add", lambda x, i, y: x.index_add(0, i, y), X, Whole((5,), 3), real(5, 4)),
    _row("index_copy", lambda x, i, y: x.index_copy(1, i, y), X, Values([2, 0]), real(3, 2)),
    _row("gather", lambda x, i: x.gather(1, i), X, Whole((3, 6), 4)),
    _row(
        "scatter",
        lambda x, i, y: x.scatter(1, i, y),
        X,
        Values([[0, 2], [3, 1], [1, 0]]),
        real(3, 2),
    ),
    _row("scatter_add", lambda x, i, y: x.scatter_add(1, i, y), X, Whole((3, 6), 4), real(3, 6)),
    _row("sum", lambda x: x.sum((0, 2)), CUBE),
    _row("sum", lambda x: x.mean() * x.sum(1, keepdim=True), CUBE, label="mean"),
    _row("prod", lambda x: x.prod(1), CUBE),
    _row("prod", lambda x, y: (x * y).prod(1), real(3), Values([[1.0, 0.0, 2.0]]), label="zero"),
    _row("max", lambda x: x.amax(1), CUBE),
    _row("max", lambda x: x.max(2)[0], CUBE, label="values"),
    _row("min", lambda x: x.amin((0, 1)), CUBE),
    _row("sum", lambda x: x.var(1), CUBE, label="variance", second=True),
    _row("max", lambda x: x.logsumexp(1), CUBE, label="logsumexp", second=True),
    _row("cumsum", lambda x: x.cumsum(1), CUBE),
    _row("cumprod", lambda x: x.cumprod(1), CUBE),
    _row("sort", lambda x: x.sort(1, descending=True)[0], CUBE),
    _row("sort", lambda x: x.topk(2)[0], CUBE, label="topk"),
    _row("matmul", lambda x, y: x @ y, X, real(4, 2), second=True),
    _row("matmul", lambda x, y: x @ y, real(2, 1, 3, 2), real(3, 2, 2), label="batches"),
    _row("matmul", lambda x, y: x @ y, X, real(4), label="vector"),
    _row("matmul", lambda x: (x.mT @ x).trace(), X, label="itself"),
]
