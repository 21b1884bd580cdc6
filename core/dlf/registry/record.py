"""What follows a kernel: its result becomes a tensor, and a node where a gradient is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import dtypes
from ..amp.switch import switch
from ..autograd.mode import mode, observe, set_grad, watch
from ..autograd.node import Node, Output, Plan, Version, tick
from ..tensor import Tensor
from .op import DTYPE_OF, SHAPE_OF, Op

__all__ = ["decomposed", "decomposition", "explained", "link", "save", "wrap_result"]


def explained(op: Op, args: Sequence[Any], error: Exception) -> Exception:
    from ..diagnose import explain

    return explain(op, args, error)


def wrap_result(op: Op, data: Any, args: Sequence[Any], device: Any) -> Any:
    """Wrap a kernel's result by the op's dtype rule."""
    rule = op.dtype
    if rule is None:
        kinds: Any = next(a.dtype for a in args if isinstance(a, Tensor))
    elif isinstance(rule, dtypes.dtype):
        kinds = rule
    else:
        ins = [a.dtype if isinstance(a, Tensor) else None for a in args[: op.inputs]]
        kinds = rule(*ins, *args[op.inputs :])
    if op.outputs == 1:
        out = Tensor()
        out._data, out.dtype, out.device, out._node, out._version = data, kinds, device, None, None
        return out
    if isinstance(kinds, dtypes.dtype):
        kinds = (kinds,) * op.outputs
    made = []
    for d, k in zip(data, kinds, strict=True):
        out = Tensor()
        out._data, out.dtype, out.device, out._node, out._version = d, k, device, None, None
        made.append(out)
    return tuple(made)


def link(op: Op, args: Sequence[Any], out: Any) -> None:
    """Record a node for `out` (a Tensor or a tuple of them) if an input needs a gradient."""
    nodes: list[Any] = []
    needs: list[bool] = []
    for a in args[: op.inputs]:
        if isinstance(a, Tensor):
            nodes.append(a._node)
            needs.append(a._node is not None)
        else:
            nodes.append(None)
            needs.append(False)
    if True not in needs or not mode.grad:
        return
    if type(out) is tuple:
        if not any(o.dtype.is_floating_point or o.dtype.is_complex for o in out):
            return
    elif not (out.dtype.is_floating_point or out.dtype.is_complex):
        return
    plan = op.plan(tuple(needs))
    node = Node()
    node.plan = plan
    node.edges = tuple([n for n in nodes if n is not None])
    node.saved = save(plan, args, out)
    node.seq = tick()
    if type(out) is tuple:
        node.shape = ()
        for i, o in enumerate(out):
            if o.dtype.is_floating_point or o.dtype.is_complex:
                o._node = Output(node, i, o._data.shape)
    else:
        node.shape = out._data.shape
        out._node = node
    if watch.on:
        observe(node)


def save(plan: Plan, args: Sequence[Any], out: Any) -> tuple[Any, ...]:
    """What a node keeps. Outputs are kept as aliases without a node, or node and output would hold
    each other."""
    if plan.simple:
        return tuple([args[i] for i in plan.picks])
    alias: Any = None
    if plan.out_at >= 0:
        alias = tuple([_alias(o) for o in out]) if type(out) is tuple else _alias(out)
    return tuple([alias if i < 0 else _argument(args, i) for i in plan.picks])


def _argument(args: Sequence[Any], at: int) -> Any:
    if at < SHAPE_OF:
        return args[at]
    if at < DTYPE_OF:
        return args[at - SHAPE_OF]._data.shape
    return args[at - DTYPE_OF].dtype


def _alias(t: Tensor) -> Tensor:
    if t._version is None:
        t._version = Version()
    a = Tensor()
    a._data, a.dtype, a.device, a._node, a._version = t._data, t.dtype, t.device, None, t._version
    return a


def decomposed(op: Op, args: Sequence[Any]) -> Any:
    """Run an op that has no kernel in its device's table, or one that autocast holds back."""
    # A primitive comes here only from autocast, whose last region may have ended by now.
    if switch.on or op.decompose is None:
        return switch.op(op, args)
    return decomposition(op, args)


def decomposition(op: Op, args: Sequence[Any]) -> Any:
    """Run an op from other ops, as one node if it has its own gradient."""
    decompose = op.decompose
    assert decompose is not None
    if op.vjp is None or not mode.grad:
        return decompose(*args)
    if not any(isinstance(a, Tensor) and a._node is not None for a in args[: op.inputs]):
        return decompose(*args)
    set_grad(False)
    try:
        out = decompose(*args)
    finally:
        set_grad(True)
    # A decomposition may hand back an input or a view of one; the node needs a tensor of its own.
    out = tuple([own(o) for o in out]) if op.outputs > 1 else own(out)
    link(op, args, out)
    return out


def own(t: Tensor) -> Tensor:
    if t._version is None:
        return t
    out = Tensor()
    out._data, out.dtype, out.device, out._node, out._version = (
        t._data,
        t.dtype,
        t.device,
        None,
        t._version,
    )
    return out
