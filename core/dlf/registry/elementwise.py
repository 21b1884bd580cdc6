"""`unary` and `binary`: the declarations whose functions are the shortest way to a kernel.

They are written out rather than built of `record`'s parts: each call that they save is a tenth of
what an op on a small tensor costs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import dtypes
from ..autograd.mode import mode, observe, watch
from ..autograd.node import Node, tick
from ..tensor import Tensor
from .declare import finish
from .op import Gradient, Op
from .operands import settle
from .record import decomposed, explained, link, save, wrap_result
from .table import registry

__all__ = ["binary", "unary"]


def unary(
    name: str,
    vjp: Gradient | None = None,
    *,
    floating: bool = False,
    dtype: dtypes.dtype | None = None,
    decompose: Callable[[Any], Any] | None = None,
    doc: str | None = None,
) -> Any:
    """Declare a pointwise op of one tensor and return its function.

    `floating`: integer inputs are computed in the default dtype. `dtype`: that of the result, else
    the input's. With `decompose` it is a composite.
    """
    op = registry.add(
        Op(
            name,
            ("input",),
            1,
            kind="composite" if decompose else "primitive",
            dtype=dtype,
            doc=doc or "",
            vjp=None if vjp is None else (vjp,),
            decompose=decompose,
        )
    )
    slot = op.slot
    plan = op.plan((True,)) if vjp is not None else None

    def function(input: Tensor) -> Tensor:
        try:
            kind = input.dtype
            if floating and not (kind.is_floating_point or kind.is_complex):
                input = input.to(dtypes.get_default_dtype())
                kind = input.dtype
            device = input.device
            kernel = device.table[slot]
            if kernel is None:
                return decomposed(op, (input,))
            data = kernel(input._data)
        except Exception as error:
            raise explained(op, (input,), error) from error
        out = Tensor()
        out._data = data
        out.dtype = kind if dtype is None else dtype
        out.device = device
        out._version = None
        node = input._node
        if node is not None and plan is not None and (not watch.on or mode.grad):
            made = Node()
            made.plan = plan
            made.edges = (node,)
            made.saved = save(plan, (input,), out)
            made.seq = tick()
            made.shape = data.shape
            out._node = made
            if watch.on:
                observe(made)
        else:
            out._node = None
        return out

    return finish(function, op, name, doc)


def binary(
    name: str,
    vjps: tuple[Gradient | None, Gradient | None] | None = None,
    *,
    floating: bool = False,
    dtype: dtypes.dtype | None = None,
    decompose: Callable[[Any, Any], Any] | None = None,
    ordered: bool = False,
    doc: str | None = None,
) -> Any:
    """Declare a broadcasting op of two operands, either of which may be a Python number.

    The function made returns NotImplemented for an operand that is neither, so that it serves as an
    operator method as it is. `floating` and `dtype` are as for `unary`; an `ordered` op refuses
    complex operands.
    """
    op = registry.add(
        Op(
            name,
            ("input", "other"),
            2,
            kind="composite" if decompose else "primitive",
            dtype=dtype,
            vjp=vjps,
            doc=doc or "",
            decompose=decompose,
        )
    )
    slot = op.slot
    differentiable = vjps is not None
    if differentiable:
        left, right, both = op.plan((True, False)), op.plan((False, True)), op.plan((True, True))

    def function(input: Any, other: Any) -> Any:
        kind = None
        if isinstance(other, Tensor):
            if isinstance(input, Tensor):
                kind = input.dtype
                if kind is other.dtype and input.device is other.device:
                    b, bn = other._data, other._node
                else:
                    kind = None
        elif other.__class__ is float or other.__class__ is int:
            kind = getattr(input, "dtype", None)
            if kind is not None and (
                kind.is_floating_point
                or (kind.category == 1 and other.__class__ is int and not floating)
            ):
                b, bn = other, None
            else:
                kind = None
        if kind is None or (floating and not kind.is_floating_point):
            settled = settle(op, input, other, floating)
            return NotImplemented if settled is None else general(*settled)
        if ordered and kind.category == 3:
            raise NotImplementedError(
                f"{name} is not implemented for {kind}: complex numbers have no order"
            )
        device = input.device
        kernel = device.table[slot]
        try:
            data = kernel(input._data, b)
        except Exception as error:
            if kernel is None:
                return decomposed(op, (input, other))
            raise explained(op, (input, other), error) from error
        out = Tensor()
        out._data = data
        out.dtype = kind if dtype is None else dtype
        out.device = device
        out._version = None
        an = input._node
        if differentiable and (an is not None or bn is not None) and (not watch.on or mode.grad):
            node = Node()
            if bn is None:
                plan, node.edges = left, (an,)
            elif an is None:
                plan, node.edges = right, (bn,)
            else:
                plan, node.edges = both, (an, bn)
            node.plan = plan
            node.saved = save(plan, (input, other), out) if plan.picks else ()
            node.seq = tick()
            node.shape = data.shape
            out._node = node
            if watch.on:
                observe(node)
        else:
            out._node = None
        return out

    def general(input: Any, other: Any) -> Any:
        """Operands of one dtype and device, or one of them a Python number."""
        like = input if isinstance(input, Tensor) else other
        if ordered and like.dtype.category == 3:
            raise NotImplementedError(
                f"{name} is not implemented for {like.dtype}: complex numbers have no order"
            )
        device = like.device
        kernel = device.table[slot]
        if kernel is None:
            return decomposed(op, (input, other))
        a = input._data if isinstance(input, Tensor) else input
        b = other._data if isinstance(other, Tensor) else other
        try:
            data = kernel(a, b)
        except Exception as error:
            raise explained(op, (input, other), error) from error
        out = wrap_result(op, data, (input, other), device)
        if differentiable:
            link(op, (input, other), out)
        return out

    return finish(function, op, name, doc)
