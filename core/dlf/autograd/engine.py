"""The backward pass: nodes in reverse order of their making, gradients summed on the way.

A node is made after those it leads to, so descending `seq` is a reverse topological order and no
recursion
or counting is needed: a chain of 100,000 nodes is a list of that length.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from sys import getrefcount
from typing import Any

from ..amp.switch import pause, resume, switch
from ..tensor import Tensor
from .mode import set_grad
from .node import Leaf, Node, Output

__all__ = ["backward", "grad"]

_by_seq = attrgetter("seq")


def _order(roots: Sequence[Any]) -> list[Any]:
    seen = set(roots)
    stack = list(seen)
    while stack:
        for edge in stack.pop().edges:
            if edge not in seen:
                seen.add(edge)
                stack.append(edge)
    return sorted(seen, key=_by_seq, reverse=True)


def _stale(node: Node, item: Tensor) -> RuntimeError:
    version = item._version
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        "operation: "
        f"{item.dtype} tensor of shape {list(item.shape)}, saved by {node.plan.op.name}, was "
        "overwritten by "
        f"{version.op}; it is at version {version.count}. clone() it before the write"
    )


def _check_saved(node: Node, saved: tuple[Any, ...]) -> None:
    for item in saved:
        if isinstance(item, Tensor):
            version = item._version
            if version is not None and version.tick > node.seq:
                raise _stale(node, item)
        elif type(item) is tuple:
            _check_saved(node, item)


def _with_history(node: Node, saved: tuple[Any, ...], out_at: int, outputs: int) -> tuple[Any, ...]:
    """Saved outputs get their node back, so that a second derivative goes through them."""
    out = saved[out_at]
    if outputs == 1:
        linked: Any = _linked(out, node)
    else:
        linked = tuple(_linked(o, Output(node, i, o._data.shape)) for i, o in enumerate(out))
        for o in linked:
            if o._node is not None:
                # Between the op and what was made of its outputs, so that it is run just before the
                # op.
                o._node.seq = node.seq + 0.5
    return (*saved[:out_at], linked, *saved[out_at + 1 :])


def _linked(alias: Tensor, node: Any) -> Tensor:
    t = Tensor()
    t._data, t.dtype, t.device, t._version = alias._data, alias.dtype, alias.device, alias._version
    t._node = node if alias.dtype.is_floating_point or alias.dtype.is_complex else None
    return t


def _run(
    roots: list[tuple[Any, Tensor]],
    keep: bool,
    create_graph: bool,
    captured: dict[Any, Tensor | None] | None,
    accumulate: bool,
) -> None:
    """Push `roots`' gradients through the graph.

    `captured` (None: all leaves) are the nodes whose gradient is wanted; they are filled in, and
    where `accumulate` added to their tensors' ``grad``.
    """
    grads: dict[Any, Any] = {}
    for root, weight in roots:
        grads[root] = weight if root not in grads else grads[root] + weight
    order = _order([node for node, _ in roots])
    if captured is not None:
        # Only what leads to a wanted node runs; parents come last in `order`, so one pass from
        # there tells.
        live = set(captured)
        for node in reversed(order):
            if node not in live and not live.isdisjoint(node.edges):
                live.add(node)
        order = [n for n in order if n in live]
    previous = set_grad(create_graph)
    # Gradients have the dtypes that the forward chose.
    casting = pause() if switch.on else None
    try:
        for node in order:
            g: Any = grads.pop(node, None)
            if g is None:
                continue
            if type(node) is Leaf:
                g = _hooked(node, g)
                if captured is not None and node in captured:
                    captured[node] = g
                if accumulate and (captured is None or node in captured):
                    _accumulate(node, g, create_graph)
                continue
            if type(node) is Output:
                g = _hooked(node, g)
                if captured is not None and node in captured:
                    captured[node] = g
                _retain(node, g)
                parent = node.parent
                slots = grads.get(parent)
                if slots is None:
                    slots = grads[parent] = [None] * parent.plan.op.outputs
                have = slots[node.index]
                slots[node.index] = g if have is None else have + g
                continue
            if node.hooks is not None:
                g = _hooked(node, g)
            if captured is not None and node in captured:
                captured[node] = g
            if node.retain is not None:
                _retain(node, g)
            saved = node.saved
            if saved is None:
                raise RuntimeError(
                    f"{node.name()}: trying to backward through the graph a second time, but its "
                    "saved values are already freed; pass retain_graph=True to the first backward"
                )
            plan = node.plan
            if saved:
                _check_saved(node, saved)
                if node.unpack is not None:
                    saved = node.unpack(saved)
                if create_graph and plan.out_at >= 0:
                    saved = _with_history(node, saved, plan.out_at, plan.op.outputs)
            results = plan.backward(tuple(g) if type(g) is list else g, *saved)
            if node.trace is not None:
                _check_nan(node, results)
            if not keep:
                node.saved = None
            for edge, r in zip(node.edges, results, strict=True):
                if r is None:
                    continue
                if r._data.shape != edge.shape:
                    r = r.sum_to_size(edge.shape)
                current = grads.get(edge)
                grads[edge] = r if current is None else current + r
            # References from here would make `_accumulate` copy what it may keep.
            g = r = results = saved = current = None
    finally:
        set_grad(previous)
        if casting is not None:
            resume(casting)


def _hooked(node: Any, g: Tensor) -> Tensor:
    for hook in node.hooks or ():
        changed = hook(g)
        if changed is not None:
            g = changed
    return g


def _retain(node: Any, g: Tensor) -> None:
    tensor = None if node.retain is None else node.retain()
    if tensor is not None:
        tensor._grad = g if tensor._grad is None else tensor._grad + g


def _check_nan(node: Node, results: Sequence[Any]) -> None:
    for i, r in enumerate(results):
        if isinstance(r, Tensor) and r.dtype.is_floating_point and bool(r.isnan().any()):
            raise RuntimeError(
                f"Function '{node.name()}' returned nan values in its {i}th output. The forward "
                f"call that made it:\n{node.trace}"
            )


def _accumulate(node: Leaf, g: Tensor, create_graph: bool) -> None:
    tensor = node.tensor()
    if tensor is None:
        return
    have = tensor._grad
    if have is not None:
        tensor._grad = have + g
    elif create_graph:
        tensor._grad = g
    elif (
        g._node is None and g._version is None and getrefcount(g) <= 3 and getrefcount(g._data) <= 2
    ):
        if type(g._view) is str:
            # A copy, on a device without views, that nothing else has: it may be written.
            g._view = None
        tensor._grad = g
    else:
        tensor._grad = g.detach().clone()
    for hook in node.after or ():
        hook(tensor)


def _root(tensor: Tensor, gradient: Tensor | None, create_graph: bool) -> tuple[Any, Tensor]:
    if tensor._node is None:
        raise RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
    if gradient is None:
        if tensor.numel() != 1:
            raise RuntimeError(
                "grad can be implicitly created only for scalar outputs, got shape "
                f"{list(tensor.shape)}; pass gradient="
            )
        from ..ops.creation import ones_like

        return tensor._node, ones_like(tensor)
    if not isinstance(gradient, Tensor):
        raise TypeError(
            f"gradients can be either Tensors or None, but got {type(gradient).__name__}"
        )
    if gradient._data.shape != tensor._data.shape:
        raise RuntimeError(
            f"mismatch in shape: grad_output has a shape of {list(gradient.shape)} and output has "
            f"a shape of {list(tensor.shape)}"
        )
    if gradient.dtype is not tensor.dtype:
        gradient = gradient.to(tensor.dtype)
    return tensor._node, gradient if create_graph else gradient.detach()


def _sequence(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, Tensor) else tuple(value)


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add the gradients of `tensors`, weighted by `grad_tensors`, to the ``grad`` of the graph's
    leaves."""
    outputs = _sequence(tensors)
    weights = (
        (None,) * len(outputs)
        if grad_tensors is None
        else ((grad_tensors,) if isinstance(grad_tensors, Tensor) else tuple(grad_tensors))
    )
    if len(weights) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(weights)} gradients")
    roots = [_root(t, g, create_graph) for t, g in zip(outputs, weights, strict=True)]
    captured: dict[Any, Tensor | None] | None = None
    if inputs is not None:
        wanted = _sequence(inputs)
        if not wanted:
            raise RuntimeError("'inputs' argument to backward() cannot be empty")
        for t in wanted:
            if t._node is None:
                raise RuntimeError("one of the inputs to backward() does not require grad")
            if type(t._node) is not Leaf:
                t.retain_grad()
        captured = {t._node: None for t in wanted}
    _run(
        roots, create_graph if retain_graph is None else retain_graph, create_graph, captured, True
    )


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of `outputs`, weighted by `grad_outputs`, with respect to `inputs`.

    RuntimeError for an input that the outputs do not depend on, unless `allow_unused` (its gradient
    is then None) or `materialize_grads` (zeros).
    """
    if is_grads_batched:
        raise NotImplementedError(
            "grad: is_grads_batched=True is not there yet; loop over grad_outputs"
        )
    outs, ins = _sequence(outputs), _sequence(inputs)
    weights = (
        (None,) * len(outs)
        if grad_outputs is None
        else ((grad_outputs,) if isinstance(grad_outputs, Tensor) else tuple(grad_outputs))
    )
    roots = [_root(t, g, create_graph) for t, g in zip(outs, weights, strict=True)]
    for t in ins:
        if t._node is None:
            raise RuntimeError("one of the differentiated Tensors does not require grad")
    captured: dict[Any, Tensor | None] = {t._node: None for t in ins}
    _run(
        roots, create_graph if retain_graph is None else retain_graph, create_graph, captured, False
    )
    results = []
    for t in ins:
        g = captured[t._node]
        if g is None:
            if materialize_grads:
                from ..ops.creation import zeros_like

                g = zeros_like(t)
            elif not allow_unused:
                raise RuntimeError(
                    "one of the differentiated Tensors appears to not have been used in the graph; "
                    "set allow_unused=True if this is the desired behavior"
                )
        results.append(g)
    return tuple(results)
