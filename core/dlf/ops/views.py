"""The four ops that make views, and how a view is recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..autograd.mode import mode, observe, watch
from ..autograd.node import Node, tick
from ..inplace import track_view
from ..registry import Op, primitive, registry
from ..tensor import Tensor
from .creation import zeros


def view_op(
    name: str,
    attributes: Sequence[str],
    vjp: Callable[..., Any],
    doc: str,
    decompose: Callable[..., Any] | None = None,
) -> Any:
    """Declare a movement op whose result aliases its input where the device has views.

    One with a decomposition is a composite; where that runs, the result is a copy, and a write to
    it refused.
    """
    op = registry.add(
        Op(
            name,
            ("input", *attributes),
            1,
            kind="composite" if decompose else "primitive",
            vjp=(vjp,),
            view=True,
            doc=doc,
            decompose=decompose,
        )
    )
    slot, plan = op.slot, op.plan((True,))
    simple = plan.picks

    def function(input: Tensor, *args: Any) -> Tensor:
        device = input.device
        kernel = device.table[slot]
        if kernel is None:
            assert decompose is not None
            copy: Tensor = decompose(input, *args)
            copy._view = name
            return copy
        data = kernel(input._data, *args)
        out = Tensor()
        out._data, out.dtype, out.device, out._version = data, input.dtype, device, None
        node = input._node
        if node is not None and (not watch.on or mode.grad):
            made = Node()
            made.plan, made.edges = plan, (node,)
            made.saved = tuple([input._data.shape if i >= 1000 else args[i - 1] for i in simple])
            made.seq, made.shape = tick(), data.shape
            out._node = made
            if watch.on:
                observe(made)
        else:
            out._node = None
        if name != "reshape" or not device.views or device.backend.shares_memory(input._data, data):
            track_view(input, out, name, lambda base: function(base, *args))
        return out

    op.function = function
    function.op = op  # type: ignore[attr-defined]  # the op behind the function
    function.__name__ = name
    return function


def _inverse(dims: Sequence[int]) -> tuple[int, ...]:
    back = [0] * len(dims)
    for i, d in enumerate(dims):
        back[d] = i
    return tuple(back)


reshape_op = view_op(
    "reshape",
    ("shape",),
    lambda g, input_shape: reshape_op(g, input_shape),
    "The same elements in row-major order in another shape.",
)
permute_op = view_op(
    "permute",
    ("dims",),
    lambda g, dims: permute_op(g, _inverse(dims)),
    "Dimension i of the result is `dims[i]` of the input.",
)
broadcast_op = view_op(
    "broadcast_to",
    ("shape",),
    lambda g: g,
    "Dimensions of size 1 repeated; new ones may come first.",
)
slice_op = view_op(
    "slice",
    ("starts", "steps", "sizes"),
    lambda g, input_shape, starts, steps: _unslice(g, input_shape, starts, steps),
    "Element k of dimension d is `starts[d] + k * steps[d]`; steps may be negative.",
)


def _unslice(g: Tensor, shape: tuple[int, ...], starts: Any, steps: Any) -> Tensor:
    base = zeros(shape, dtype=g.dtype, device=g.device)
    return slice_set(base, g, starts, steps, tuple(g._data.shape))


slice_set = primitive(
    "slice_set",
    ("input", "source", "starts", "steps", "sizes"),
    inputs=2,
    doc="A copy of `input` in which that slice is `source`.",
    vjp=(
        lambda g, starts, steps, sizes: slice_set(
            g, zeros(sizes, dtype=g.dtype, device=g.device), starts, steps, sizes
        ),
        lambda g, starts, steps, sizes: slice_op(g, starts, steps, sizes),
    ),
)
pad_op = primitive(
    "pad",
    ("input", "widths", "value"),
    doc="`value` added around: `widths` has (low, high) for each dimension; negative ones cut off.",
    vjp=(
        lambda g, input_shape, widths: slice_op(
            g, tuple(w[0] for w in widths), (1,) * len(widths), input_shape
        ),
    ),
)
