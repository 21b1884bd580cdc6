"""Views that alias and writes in place, with the bookkeeping that keeps gradients right.

Data flow of ``x.mul_(y)``: the functional op runs (and records its node), its result is assigned to
x's memory, the version is bumped, and x takes over the result's node. If x is a view, its base
takes a node that routes the gradient of the written region to the source and the rest to the base's
old node, and every live view of the base gets its node anew by replaying how it was made.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any

from . import dtypes
from .autograd.mode import mode
from .autograd.node import Leaf, Node, Version, tick
from .registry import Op, registry
from .tensor import Tensor

__all__ = ["bump", "check_writable", "inplace", "track_view", "write"]

Replay = Callable[[Tensor], Tensor]


def track_view(base: Tensor, out: Tensor, name: str, replay: Replay) -> None:
    """Note that `out` views `base`: shared version counter, and how to make it again."""
    if not base.device.views:
        out._view = name
        return
    version = base._version
    if version is None:
        version = base._version = Version()
    out._version = version
    if isinstance(base._view, tuple):
        root, chain = base._view
        out._view = (root, (*chain, replay))
    else:
        out._view = (base, (replay,))
    views = version.views
    if len(views) >= 32:
        views[:] = [r for r in views if r() is not None]
    views.append(weakref.ref(out))


def bump(tensor: Tensor, op: str) -> None:
    """Note that `op` has just written `tensor`'s memory."""
    version = tensor._version
    if version is None:
        version = tensor._version = Version()
    version.tick, version.op = tick(), op
    version.count += 1


def check_writable(tensor: Tensor, op: str) -> None:
    """RuntimeError if writing `tensor` in place would lose a gradient or change a copy unseen."""
    view = tensor._view
    if isinstance(view, str):
        raise RuntimeError(
            f"{op}: this tensor came from {view}() on {tensor.device}, whose backend has no views; "
            "a write would not reach the tensor it came from. Write to that tensor, or clone() "
            "this one first"
        )
    if not mode.grad:
        return
    if tensor._multi and tensor._node is not None:
        raise RuntimeError(
            f"{op}: this tensor is one of several views that one function returned (split, unbind, "
            "chunk), and is being modified inplace; clone() it first, or write to the tensor it "
            "came from"
        )
    if type(tensor._node) is Leaf:
        raise RuntimeError(
            f"{op}: a leaf Variable that requires grad is being used in an in-place operation; "
            "write inside dlf.no_grad(), or use the op without the underscore"
        )
    if view is not None and type(view[0]._node) is Leaf:
        raise RuntimeError(
            f"{op}: a view of a leaf Variable that requires grad is being used in an in-place "
            "operation; write inside dlf.no_grad(), or clone() the leaf first"
        )


def write(tensor: Tensor, result: Tensor, op: str) -> Tensor:
    """Put `result` into `tensor`'s memory, and its history into `tensor`'s. Returns `tensor`."""
    if result._data.shape != tensor._data.shape:
        raise RuntimeError(
            f"{op}: output with shape {list(tensor.shape)} doesn't match the broadcast shape "
            f"{list(result.shape)}"
        )
    if result.dtype is not tensor.dtype:
        if not dtypes.can_cast(result.dtype, tensor.dtype):
            raise RuntimeError(
                f"{op}: result type {result.dtype} can't be cast to the desired output type "
                f"{tensor.dtype}"
            )
        result = result.to(tensor.dtype)
    try:
        tensor.device.backend.assign(tensor._data, result._data)
    except ValueError as error:
        raise RuntimeError(
            f"{op}: more than one element of the written-to tensor refers to one place in memory "
            "(it was expanded), or its memory is read-only; clone() it first"
        ) from error
    bump(tensor, op)
    if mode.grad:
        _rebase(tensor, result)
    return tensor


def _rebase(tensor: Tensor, result: Tensor) -> None:
    if tensor._view is None:
        if tensor._node is None and result._node is None:
            return
        tensor._node = result._node
        root = tensor
    else:
        root, chain = tensor._view
        if root._node is None and result._node is None:
            return
        _graft(root, result, chain)
    for ref in root._version.views:
        view = ref()
        if view is not None and view._view is not None and view._view[0] is root:
            view._node = _replay(root, view._view[1])._node


def _replay(tensor: Tensor, chain: tuple[Replay, ...]) -> Tensor:
    for step in chain:
        tensor = step(tensor)
    return tensor


def _outside(g: Tensor, chain: tuple[Replay, ...]) -> Tensor:
    kept = g.clone()
    _replay(kept, chain).zero_()
    return kept


_view_write = registry.add(
    Op(
        "view_write",
        ("input", "source", "chain"),
        2,
        kind="internal",
        vjp=(lambda g, chain: _outside(g, chain), lambda g, chain: _replay(g, chain)),
        doc="A write through a view, as its base's gradient sees it.",
    )
)


def _graft(root: Tensor, source: Tensor, chain: tuple[Replay, ...]) -> None:
    nodes = (root._node, source._node)
    plan = _view_write.plan(tuple(n is not None for n in nodes))
    node = Node()
    node.plan, node.edges = plan, tuple(n for n in nodes if n is not None)
    node.saved = tuple((root, source, chain)[i] for i in plan.picks)
    node.seq, node.shape = tick(), root._data.shape
    root._node = node


def _before(tensor: Tensor, args: tuple[Any, ...]) -> Tensor:
    """`tensor` as it is now, for a gradient that needs the values which the write is about to
    replace."""
    if not mode.grad or not (
        tensor._node is not None or any(isinstance(a, Tensor) and a._node is not None for a in args)
    ):
        return tensor
    kept = tensor.detach().clone()
    kept._node = tensor._node
    return kept


def inplace(function: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    """The in-place form `name` of an op whose first argument has the result's shape."""

    @wraps(function)
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        check_writable(self, name)
        result = function(_before(self, args), *args, **kwargs)
        if result is NotImplemented:
            raise TypeError(f"{name}: unsupported operand of type {type(args[0]).__name__}")
        return write(self, result, name)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"In-place form of `{name.rstrip('_')}`."
    return method
