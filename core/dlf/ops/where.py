"""`where`: choosing between the elements of two tensors."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..registry import primitive, settle
from ..tensor import Tensor
from .creation import full, zeros_like

_where = primitive(
    "where",
    ("condition", "input", "other"),
    inputs=3,
    doc="`input` where the bool `condition` holds, `other` elsewhere; all broadcast.",
    dtype=lambda c, a, b: a,
    vjp=(
        None,
        lambda g, condition: _where(condition, g, zeros_like(g)),
        lambda g, condition: _where(condition, zeros_like(g), g),
    ),
)


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """`input` where `condition` holds, else `other` (tensors or numbers, promoted and broadcast).

    With the condition alone: its nonzero indices, a tuple with one tensor a dimension.
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if condition.dtype is not dtypes.bool:
        if condition.dtype is not dtypes.uint8:
            raise RuntimeError(
                "where expected condition to be a boolean tensor, but got a tensor with dtype "
                f"{condition.dtype}"
            )
        condition = condition.bool()
    pair = settle(_where.op, input, other, False)
    if pair is None:
        raise TypeError(
            f"where(): expected tensors or numbers, got {type(input).__name__} and "
            f"{type(other).__name__}"
        )
    kind = dtypes.promote((input, other))
    a, b = (
        x if isinstance(x, Tensor) else full((), x, dtype=kind, device=condition.device)
        for x in pair
    )
    if condition.ndim == 0 and condition.device is not a.device:
        condition = condition.to(a.device)
    return _where(condition, a, b)
